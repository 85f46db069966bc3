"""What an endpoint did in a stretch of time, computed from its workers' metrics files."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_deploy.runtime.metrics import SECONDS, Metrics, Series, clear_gauges, merge, read_metrics
from jupyter_deploy.runtime.metrics import Sample as Reading

ENDED = "ended.metrics"
"""Holds the counters of the workers that have ended."""
IDLE_SECONDS = 60.0
"""A stretch in which nothing happens becomes one sample of this length."""
_VERSIONS_KEPT = 5
"""Ended workers' counters are kept for so many versions: a scrape does not grow with every deployment."""
_INFINITY = float("inf")
_BELOW = {bound: lower for lower, bound in itertools.pairwise((0.0, *SECONDS, _INFINITY))}
"""The bound before each."""


@dataclass(frozen=True)
class Sample:
    """What an endpoint did in the `seconds` that end at `time`."""

    time: float
    """Seconds since 1970."""
    seconds: float
    requests: int
    errors: int
    """Answers with status 500 and above."""
    latency: dict[float, int] = field(default_factory=dict)
    """How many requests took at most so many seconds and longer than the next smaller bound."""
    in_flight: int = 0
    workers: int = 0
    cpu: float = 0.0
    """Seconds of CPU time."""
    memory: int = 0
    """Resident bytes of all workers."""
    batches: int = 0
    """Batches of requests that were answered together, also those of one request."""
    batched: int = 0
    """Requests that were in them."""
    gpu: float | None = None
    """The share of the time in which the GPUs that the workers use were busy; None where they use none."""
    gpu_memory: int | None = None
    """Bytes that the workers hold on GPUs."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def error_rate(self) -> float:
        """Errors a second."""
        return self.errors / self.seconds if self.seconds else 0.0

    @property
    def batch(self) -> float | None:
        """Requests in a batch, in the mean; None where nothing was batched."""
        return self.batched / self.batches if self.batches else None

    def quantile(self, share: float) -> float | None:
        """Give the seconds within which `share` of the requests were answered; None when there were none.

        Linear within a bucket, as Prometheus' `histogram_quantile`; beyond the last bound it is that bound.
        """
        return self.quantiles(share)[0]

    def quantiles(self, *shares: float) -> list[float | None]:
        """Give the quantiles of rising shares; see `quantile`."""
        total, counted = sum(self.latency.values()), 0
        found: list[float | None] = []
        for bound, count in sorted(self.latency.items()):
            while count and len(found) < len(shares) and shares[len(found)] * total <= counted + count:
                lower = _BELOW.get(bound, 0.0)
                rank = shares[len(found)] * total - counted
                found.append(lower if bound == _INFINITY else lower + (bound - lower) * rank / count)
            counted += count
        return found + [None] * (len(shares) - len(found))

    def describe(self) -> dict[str, float | None]:
        """Give the figures that people look at, by name, as JSON."""
        p50, p95, p99 = self.quantiles(0.5, 0.95, 0.99)
        return {
            "time": self.time, "seconds": self.seconds, "requests": self.requests, "errors": self.errors,
            "rate": self.rate, "error_rate": self.error_rate, "p50": p50, "p95": p95, "p99": p99,
            "in_flight": self.in_flight, "workers": self.workers,
            "cpu": self.cpu / self.seconds if self.seconds else 0.0, "memory": self.memory,
            "batch": self.batch, "gpu": self.gpu, "gpu_memory": self.gpu_memory,
        }


def combine_samples(samples: Sequence[Sample], latency: dict[float, int] | None = None) -> Sample:
    """Make one sample of consecutive ones: counts add up, levels (in flight, workers, memory) are the highest.

    `latency` is for who has added it up already, which is most of the work.
    """
    if latency is None:
        latency = {}
        for sample in samples:
            for bound, count in sample.latency.items():
                latency[bound] = latency.get(bound, 0) + count
    return Sample(
        time=samples[-1].time,
        seconds=sum(sample.seconds for sample in samples),
        requests=sum(sample.requests for sample in samples),
        errors=sum(sample.errors for sample in samples),
        latency=latency,
        in_flight=max(sample.in_flight for sample in samples),
        workers=max(sample.workers for sample in samples),
        cpu=sum(sample.cpu for sample in samples),
        memory=max(sample.memory for sample in samples),
        batches=sum(sample.batches for sample in samples),
        batched=sum(sample.batched for sample in samples),
        gpu=_mean([(sample.gpu, sample.seconds) for sample in samples]),
        gpu_memory=max((sample.gpu_memory for sample in samples if sample.gpu_memory is not None), default=None),
    )


def _mean(shares: Iterable[tuple[float | None, float]]) -> float | None:
    """Give the mean of shares, each for as long as it held; None when there is none."""
    known = [(share, seconds) for share, seconds in shares if share is not None]
    total = sum(seconds for _, seconds in known)
    return sum(share * seconds for share, seconds in known) / total if total else None


@dataclass(frozen=True)
class Usage:
    """What processes use of the machine's GPUs now."""

    busy: float
    """The share of the last moment in which a GPU that they use was busy."""
    memory: int
    """Bytes that they hold."""


class Sampler:
    """Turns the running totals of metrics files into samples: what was counted between two readings."""

    def __init__(self, now: float, steady: float | None = None) -> None:
        self._steady = now if steady is None else steady
        self._totals: dict[Series, tuple[float, ...]] = {}
        self._workers = -1

    def skip(self, paths: Iterable[Path]) -> None:
        """Leave out what these files hold already, such as the calls of a proof or of an earlier supervisor."""
        known = [Reading(series, values) for series, values in self._totals.items()]
        self._totals = {one.series: one.values for one in merge([known, *_read_all(paths)])}

    def take(self, paths: Iterable[Path], workers: int, now: float, usage: Usage | None = None,
             steady: float | None = None) -> Sample | None:
        """Give the sample of the time since the last one; `usage` is what the workers use of GPUs now.

        None as long as nothing happens: an idle endpoint gives one sample every `IDLE_SECONDS`. `steady` is a clock
        that nobody sets, as somebody may set that of `now`: it says how long it took.
        """
        steady = now if steady is None else steady
        totals = {one.series: one.values for one in merge(_read_all(paths))}
        sample = self._compare(totals, workers, now, steady - self._steady)
        if not (sample.requests or sample.in_flight or workers != self._workers or sample.seconds >= IDLE_SECONDS):
            return None
        self._steady, self._totals, self._workers = steady, totals, workers
        return sample if usage is None else dataclasses.replace(sample, gpu=usage.busy, gpu_memory=usage.memory)

    def _compare(self, totals: dict[Series, tuple[float, ...]], workers: int, now: float, seconds: float) -> Sample:
        counts = {"nbdeploy_requests_total": 0.0, "process_cpu_seconds_total": 0.0}
        gauges = {"nbdeploy_requests_in_progress": 0.0, "process_resident_memory_bytes": 0.0}
        errors = batches = batched = 0.0
        latency: dict[float, int] = {}
        for series, values in totals.items():
            before = self._totals.get(series, (0.0,) * len(values))
            # A total can fall when the counters of an old version are let go.
            grown = [max(0.0, value - old) for value, old in zip(values, before, strict=True)]
            if series.name in counts:
                counts[series.name] += grown[0]
                errors += grown[0] if dict(series.labels).get("code", "0") >= "500" else 0.0
            elif series.name in gauges:
                gauges[series.name] += values[0]
            elif series.name == "nbdeploy_request_duration_seconds":
                for bound, count in zip((*series.bounds, _INFINITY), grown[:-1], strict=True):
                    if count:
                        latency[bound] = latency.get(bound, 0) + int(count)
            elif series.name == "nbdeploy_batch_size":
                batches, batched = batches + sum(grown[:-1]), batched + grown[-1]
        return Sample(
            time=now, seconds=seconds, requests=int(counts["nbdeploy_requests_total"]), errors=int(errors),
            latency=latency, in_flight=int(gauges["nbdeploy_requests_in_progress"]), workers=workers,
            cpu=counts["process_cpu_seconds_total"], memory=int(gauges["process_resident_memory_bytes"]),
            batches=int(batches), batched=int(batched),
        )


def _read_all(paths: Iterable[Path]) -> list[list[Reading]]:
    readings = []
    for path in paths:
        # A worker that is starting has no file yet.
        with contextlib.suppress(FileNotFoundError):
            readings.append(read_metrics(path))
    return readings


def fold_metrics(path: Path) -> None:
    """Add the counters of an ended worker's file to `ENDED` beside it, and remove the file."""
    if not path.exists():
        return
    folded = path.with_name(ENDED)
    kept = merge(_read_all([folded, path]))
    samples = [one for one in kept if one.series.kind != "gauge" and _version_of(one) in _last_versions(kept)]
    fresh = path.with_name(ENDED + ".fresh")
    metrics = Metrics([one.series for one in samples], fresh)
    if metrics.path is None:
        # There is no room for it: the file stays, with what was counted, and is folded another time.
        clear_gauges(path)
        return
    for one in samples:
        first = metrics.slot(one.series)
        for offset, value in enumerate(one.values):
            metrics.slots[first + offset] = value
    # One after the other and nothing between: a reader sees the counters twice for an instant at most.
    fresh.rename(folded)
    path.unlink()


def _last_versions(samples: Iterable[Reading]) -> tuple[str | None, ...]:
    versions = dict.fromkeys(_version_of(one) for one in samples if _version_of(one) is not None)
    return (None, *list(versions)[-_VERSIONS_KEPT:])


def _version_of(sample: Reading) -> str | None:
    return dict(sample.series.labels).get("version")
