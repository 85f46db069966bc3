"""What a panel is told of an endpoint: only what has changed since the last time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from jupyter_deploy.curl import curl_line
from jupyter_deploy.metrics import Sample
from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest
from jupyter_deploy.targets.target import Status
from jupyter_deploy.watch import Failure, Snapshot, Window, describe_status

Message = dict[str, Any]

WINDOW = 300.0
"""Seconds of samples in the view of the last minutes."""
FIELDS = ("time", "seconds", "requests", "errors", "rate", "p50", "p95", "p99", "in_flight", "workers", "cpu", "memory",
          "batch", "gpu", "gpu_memory")
"""What a row of samples holds."""


class Teller:
    """Turns snapshots into news."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Tell everything the next time."""
        self._window = Window(WINDOW)
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
            self._window.move(seen.samples, seen.time)
            total = self._window.total
            news |= {"samples": [describe_row(one) for one in seen.samples], "total": total and total.describe()}
        if seen.status != self._status:
            self._status = seen.status
            news["status"] = {**describe_status(seen.status), "curl": _write_curl(seen.status)}
        if seen.failures != self._failures:
            self._failures = seen.failures
            news["failures"] = [vars(failure) for failure in seen.failures]
        return news


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
