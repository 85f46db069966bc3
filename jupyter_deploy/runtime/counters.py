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
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
"""Upper bounds of a batch size's buckets."""


@dataclass(frozen=True)
class Meter:
    """The counters of one entry."""

    answered: Callable[[int, float], None]
    """Count an answer: its status and the seconds since the request's head was read."""
    called: Callable[[float], None]
    """Count a call: the seconds inside the entry's function."""
    queued: Callable[[float], None]
    """Count the seconds that a call waited for a thread, or for the batch before it."""
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
        requests = {entry: self._requests(entry) for entry in entries}
        histograms = {entry: self._histograms(entry) for entry in entries}
        flat = [one for group in (*requests.values(), *histograms.values()) for one in group]
        fixed = [self._ready, self._cold, self._info, self._last, self._progress, *self._process]
        self.metrics = Metrics([*flat, *fixed], path)
        self.slots = self.metrics.slots
        self.in_progress = self.metrics.slot(self._progress)
        """The slot of the gauge."""
        self.meters = {entry: self._meter(requests[entry], histograms[entry]) for entry in entries}
        self.clear()

    def clear(self) -> None:
        """Begin again at 0."""
        self.metrics.clear()
        self.slots[self.metrics.slot(self._info)] = 1

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
