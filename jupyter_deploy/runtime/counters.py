"""What a worker counts: base units, one namespace, and every label set there from the start, as Prometheus advises."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .metrics import SECONDS, Metrics, Series

CODES = (200, 400, 401, 413, 415, 422, 429, 500, 503, 504)
"""The statuses that a prediction route answers with."""
RESULTS = ("agreed", "disagreed", "failed", "dropped")
"""What can come of a request that was copied to a shadow."""
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
"""Upper bounds of a batch size's buckets."""


@dataclass(frozen=True)
class Meter:
    """The counters of one entry."""

    answered: Callable[[int, float], None]
    """Count an answer: its status and the seconds since the request's head was read."""
    called: Callable[[float], None]
    """Count a call: the seconds inside the entry's function."""
    queued: Callable[..., None]
    """Count the seconds that calls waited for a thread, or for the batch before theirs."""
    batched: Callable[[int], None]
    """Count a batch: its requests."""


class Counters:
    """All counters of a worker."""

    def __init__(self, name: str, version: str, entries: Sequence[str], path: Path | None) -> None:
        self._version = ("version", version)
        self._process = [_gauge("process_resident_memory_bytes", "Resident memory."),
                         Series("process_cpu_seconds_total", "counter", "User and system CPU time.")]
        self._ready = _gauge("nbdeploy_model_ready", "Workers that are loaded, warm and not draining.", self._version)
        self._cold = Series("nbdeploy_cold_start_seconds", "gauge", "From the start of the process to ready.",
                            (self._version,), "max")
        self._info = Series("nbdeploy_model_info", "gauge", "The service and its version.",
                            (("name", name), self._version), "max")
        self._last = Series("nbdeploy_last_request_timestamp_seconds", "gauge", "When a prediction was last answered.",
                            merge="max")
        self._progress = _gauge("nbdeploy_requests_in_progress", "Predictions accepted and not yet answered.")
        beside = self._beside()
        requests = {entry: self._requests(entry) for entry in entries}
        histograms = {entry: self._histograms(entry) for entry in entries}
        flat = [one for group in (*requests.values(), *histograms.values()) for one in group]
        fixed = [self._ready, self._cold, self._info, self._last, self._progress, *self._process]
        self.metrics = Metrics([*flat, *fixed, *beside.values()], path)
        self.slots = self.metrics.slots
        self.last_answered = self.metrics.slot(self._last)
        """The slot of the time when a prediction was last answered."""
        self.in_progress = self.metrics.slot(self._progress)
        """The slot of the gauge."""
        slot = self.metrics.slot
        self.canary = slot(beside["forwarded"]), slot(beside["returned"])
        """The slots of the predictions that a canary answered, and of those that it could not."""
        self.shadow = {result: slot(beside[result]) for result in RESULTS}
        """The slots of the copies, by what came of them."""
        self.difference = slot(beside["difference"])
        """The slot of the largest difference of two numbers."""
        self._waits = [self.metrics.span(one[2]) for one in histograms.values()]
        self._calls = [self.metrics.span(one[1]) for one in histograms.values()]
        self.meters = {entry: self._meter(requests[entry], histograms[entry]) for entry in entries}
        self.clear()

    def _beside(self) -> dict[str, Series]:
        """Give what is counted while two versions are beside each other."""
        version = self._version
        return {
            **{result: Series("nbdeploy_canary_requests_total", "counter",
                              "Predictions for a canary: answered by it, or returned because its worker was gone.",
                              (version, ("result", result))) for result in ("forwarded", "returned")},
            **{result: Series("nbdeploy_shadow_requests_total", "counter",
                              "Copies for a shadow, by how its answer compares; dropped when it was too far behind.",
                              (version, ("result", result))) for result in RESULTS},
            "difference": Series("nbdeploy_shadow_difference_max", "gauge",
                                 "The largest difference between a number that a shadow answered and the live one.",
                                 (version,), "max"),
        }

    def clear(self) -> None:
        """Begin again at 0."""
        self.metrics.clear()
        self.slots[self.metrics.slot(self._info)] = 1

    def sum_durations(self) -> tuple[float, float, float, float]:
        """Give the waits and their seconds, the calls and their seconds, of all entries."""
        slots = self.slots
        found = [(sum(slots[first:last]), slots[last]) for spans in (self._waits, self._calls) for first, last in spans]
        waits, calls = found[: len(self._waits)], found[len(self._waits):]
        return (sum(one[0] for one in waits), sum(one[1] for one in waits), sum(one[0] for one in calls),
                sum(one[1] for one in calls))

    def _requests(self, entry: str) -> list[Series]:
        labels = (("entry", entry), self._version)
        return [Series("nbdeploy_requests_total", "counter", "Prediction requests answered, by HTTP status.",
                       (*labels, ("code", str(code)))) for code in CODES]

    def _histograms(self, entry: str) -> list[Series]:
        labels = (("entry", entry), self._version)
        return [
            Series(name, "histogram", text, labels, bounds=bounds)
            for name, text, bounds in (
                ("nbdeploy_request_duration_seconds", "From a request's head to its answer.", SECONDS),
                ("nbdeploy_inference_duration_seconds", "Inside the entry's function.", SECONDS),
                ("nbdeploy_queue_duration_seconds", "Waiting for a thread, or for a batch to begin.", SECONDS),
                ("nbdeploy_batch_size", "Requests that were answered together.", SIZES),
            )
        ]

    def _meter(self, requests: list[Series], histograms: list[Series]) -> Meter:
        slots, last, clock = self.slots, self.metrics.slot(self._last), time.time
        codes = {code: self.metrics.slot(series) for code, series in zip(CODES, requests, strict=True)}
        observe, called, queued, batched = (self.metrics.observer(series) for series in histograms)

        def answered(status: int, seconds: float) -> None:
            slots[codes[status]] += 1
            slots[last] = clock()
            observe(seconds)

        return Meter(answered, called, queued, batched)

    def set_ready(self, ready: bool, seconds: float | None = None) -> None:
        """Say whether the worker is ready and, the first time, after how many seconds."""
        self.slots[self.metrics.slot(self._ready)] = ready
        if seconds is not None:
            self.slots[self.metrics.slot(self._cold)] = seconds

    def sample_process(self) -> None:
        """Update memory and CPU time."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        memory, cpu = (self.metrics.slot(series) for series in self._process)
        self.slots[memory] = _resident_memory(usage)
        self.slots[cpu] = usage.ru_utime + usage.ru_stime


def _gauge(name: str, text: str, *labels: tuple[str, str]) -> Series:
    return Series(name, "gauge", text, labels)


def _resident_memory(usage: resource.struct_rusage) -> int:
    """Give bytes: the present use where the system tells it, else the peak (macOS gives that in bytes)."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else usage.ru_maxrss
