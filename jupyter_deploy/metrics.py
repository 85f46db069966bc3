"""What an endpoint did in a stretch of time, computed from its workers' metrics files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_deploy.runtime.metrics import SECONDS, Metrics, Series, merge, read_metrics
from jupyter_deploy.runtime.metrics import Sample as Reading

ENDED = "ended.metrics"
"""Holds the counters of the workers that have ended."""
IDLE_SECONDS = 60.0
"""A stretch in which nothing happens becomes one sample of this length."""
_VERSIONS_KEPT = 5
"""Ended workers' counters are kept for so many versions: a scrape does not grow with every deployment."""
_INFINITY = float("inf")


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

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def error_rate(self) -> float:
        """Errors a second."""
        return self.errors / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float | None:
        """Give the seconds within which `share` of the requests were answered; None when there were none.

        Linear within a bucket, as Prometheus' `histogram_quantile`; beyond the last bound it is that bound.
        """
        rank = share * sum(self.latency.values())
        for bound in sorted(self.latency):
            count = self.latency[bound]
            if count and rank <= count:
                lower = max((edge for edge in SECONDS if edge < bound), default=0.0)
                return lower if bound == _INFINITY else lower + (bound - lower) * rank / count
            rank -= count
        return None

    def describe(self) -> dict[str, float | None]:
        """Give the figures that people look at, by name, as JSON."""
        return {
            "time": self.time, "seconds": self.seconds, "requests": self.requests, "errors": self.errors,
            "rate": self.rate, "error_rate": self.error_rate, "p50": self.quantile(0.5), "p95": self.quantile(0.95),
            "p99": self.quantile(0.99), "in_flight": self.in_flight, "workers": self.workers,
            "cpu": self.cpu / self.seconds if self.seconds else 0.0, "memory": self.memory,
        }


def combine_samples(samples: Sequence[Sample]) -> Sample:
    """Make one sample of consecutive ones: counts add up, levels (in flight, workers, memory) are the highest."""
    latency: dict[float, int] = {}
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
    )


class Sampler:
    """Turns the running totals of metrics files into samples: what was counted between two readings."""

    def __init__(self, now: float) -> None:
        self._time = now
        self._totals: dict[Series, tuple[float, ...]] = {}
        self._workers = -1

    def skip(self, paths: Iterable[Path]) -> None:
        """Leave out what these files hold already, such as the calls of a proof or of an earlier supervisor."""
        known = [Reading(series, values) for series, values in self._totals.items()]
        self._totals = {one.series: one.values for one in merge([known, *_read_all(paths)])}

    def take(self, paths: Iterable[Path], workers: int, now: float) -> Sample | None:
        """Give the sample of the time since the last one.

        None as long as nothing happens: an idle endpoint gives one sample every `IDLE_SECONDS`.
        """
        totals = {one.series: one.values for one in merge(_read_all(paths))}
        sample = self._compare(totals, workers, now)
        if not (sample.requests or sample.in_flight or workers != self._workers or sample.seconds >= IDLE_SECONDS):
            return None
        self._time, self._totals, self._workers = now, totals, workers
        return sample

    def _compare(self, totals: dict[Series, tuple[float, ...]], workers: int, now: float) -> Sample:
        counts = {"nbdeploy_requests_total": 0.0, "process_cpu_seconds_total": 0.0}
        gauges = {"nbdeploy_requests_in_progress": 0.0, "process_resident_memory_bytes": 0.0}
        errors = 0.0
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
        return Sample(
            time=now, seconds=now - self._time, requests=int(counts["nbdeploy_requests_total"]), errors=int(errors),
            latency=latency, in_flight=int(gauges["nbdeploy_requests_in_progress"]), workers=workers,
            cpu=counts["process_cpu_seconds_total"], memory=int(gauges["process_resident_memory_bytes"]),
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
