"""What a panel is told of an endpoint: only what has changed since the last time."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

from jupyter_deploy.endpoint import curl_line
from jupyter_deploy.metrics import Sample
from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest
from jupyter_deploy.targets.target import Status
from jupyter_deploy.watch import Failure, Snapshot, describe_status

Message = dict[str, Any]

WINDOW = 300.0
"""Seconds of samples in the view of the last minutes."""
FIELDS = ("time", "seconds", "requests", "errors", "rate", "p50", "p95", "p99", "in_flight", "workers", "cpu", "memory")
"""What a row of samples holds."""


class Teller:
    """Turns snapshots into news."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Tell everything the next time."""
        self._window = Window()
        self._status: Status | None = None
        self._failures: tuple[Failure, ...] | None = None

    @property
    def since(self) -> float:
        """The time from which on samples are new."""
        return self._window.end or time.time() - WINDOW

    def tell(self, seen: Snapshot) -> Message:
        """Give the news; the first has `whole` and says everything."""
        news: Message = {"kind": "news", "time": seen.time}
        whole = self._status is None
        if whole:
            news |= {"whole": True, "window": WINDOW, "fields": FIELDS}
        if seen.samples or whole:
            self._window.move(seen)
            total = self._window.total
            news |= {"samples": [describe_row(one) for one in seen.samples], "total": total and total.describe()}
        if seen.status != self._status:
            self._status = seen.status
            news["status"] = {**describe_status(seen.status), "curl": _write_curl(seen.status)}
        if seen.failures != self._failures:
            self._failures = seen.failures
            news["failures"] = [vars(failure) for failure in seen.failures]
        return news


class Window:
    """The samples of the last minutes and their sum, which grows and shrinks by one sample at a time.

    Adding up five minutes of histograms every second would be most of what a panel costs.
    """

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()
        self._latency: dict[float, int] = {}

    @property
    def end(self) -> float | None:
        """The time of the last sample."""
        return self._samples[-1].time if self._samples else None

    def move(self, seen: Snapshot) -> None:
        """Take the new samples in and let the old ones go."""
        for sample in seen.samples:
            self._samples.append(sample)
            self._count(sample, 1)
        while self._samples and self._samples[0].time <= seen.time - WINDOW:
            self._count(self._samples.popleft(), -1)

    def _count(self, sample: Sample, sign: int) -> None:
        for bound, count in sample.latency.items():
            self._latency[bound] = self._latency.get(bound, 0) + sign * count

    @property
    def total(self) -> Sample | None:
        """All samples as one, as `combine_samples` makes it."""
        if not self._samples:
            return None
        held = self._samples
        return Sample(
            held[-1].time, sum(one.seconds for one in held), sum(one.requests for one in held),
            sum(one.errors for one in held), {bound: count for bound, count in self._latency.items() if count},
            max(one.in_flight for one in held), max(one.workers for one in held), sum(one.cpu for one in held),
            max(one.memory for one in held),
        )


def describe_row(sample: Sample) -> list[float | None]:
    """Give a sample's figures in the order of `FIELDS`."""
    figures = sample.describe()
    return [None if (value := figures[key]) is None else round(value, 6) for key in FIELDS]


def _write_curl(status: Status) -> str | None:
    """Write the line for the version that is live; a bundle that is gone or damaged has none."""
    bundle = next((Path(one.bundle) for one in status.versions if one.version == status.version), None)
    if bundle is None:
        return None
    try:
        return curl_line(status.url, read_manifest(bundle), bundle)
    except (BundleDamaged, OSError):
        return None
