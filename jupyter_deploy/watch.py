"""How an endpoint is and what it did lately, for whoever shows it: the panel in the notebook, the server extension."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_deploy.metrics import Sample, combine_samples
from jupyter_deploy.registry import Connection, list_samples, open_registry, registry_path
from jupyter_deploy.registry.samples import RESOLUTIONS
from jupyter_deploy.targets.target import Status, Target

FAILURES = 20
"""How many failures a snapshot has at most."""
_LINES = 400
"""How many of the last log lines are searched for failures."""
ROLLOUT_SECONDS = 2.0
"""So much sooner while two versions are beside each other: the figures of both are in it."""
STATUS_SECONDS = 10.0
"""A status without news in the registry is asked for again after so long: a supervisor can be gone without a word."""
_FAILURES_SECONDS = 3.0
"""The logs are searched again after so long at the earliest."""


@dataclass(frozen=True)
class Failure:
    """Calls that failed at one place with one message."""

    message: str
    entry: str
    cell: str | None
    """Where in the notebook, such as `cell 3, line 4`."""
    where: str | None
    """Where in the bundle, such as `service.py:12`."""
    version: str
    error_id: str | None
    """The last one's; it leads to the traceback in the log."""
    time: str
    """When it last happened: ISO 8601, UTC."""
    count: int
    """How often, within the log lines that were searched."""


@dataclass(frozen=True)
class Snapshot:
    """An endpoint at one moment, with its samples of the time before."""

    name: str
    time: float
    """Seconds since 1970."""
    since: float
    """The samples are those after this time, the oldest first."""
    resolution: int
    """Seconds; what is not yet rolled up to this width comes at a finer one."""
    status: Status
    samples: tuple[Sample, ...]
    failures: tuple[Failure, ...]
    """The latest first."""

    @property
    def total(self) -> Sample | None:
        """All samples as one."""
        return combine_samples(self.samples) if self.samples else None

    def describe(self) -> dict[str, Any]:
        """Give all of it as JSON."""
        total = self.total
        return {
            "name": self.name, "time": self.time, "since": self.since, "resolution": self.resolution,
            "status": describe_status(self.status), "samples": [sample.describe() for sample in self.samples],
            "total": total and total.describe(), "failures": [asdict(failure) for failure in self.failures],
        }


def describe_status(status: Status) -> dict[str, Any]:
    """Give a status as JSON, without what only its target understands."""
    return {
        "name": status.name, "target": status.target, "state": status.state, "reason": status.reason,
        "url": status.url, "docs": f"{status.url}/docs", "version": status.version, "workers": status.workers,
        "wanted_workers": status.wanted_workers,
        "versions": [{"version": one.version, "number": one.number, "deployed_at": one.deployed_at,
                      "notebook": one.notebook and Path(one.notebook).name, "proof": one.proof,
                      "live": one.version == status.version and status.state != "stopped"}
                     for one in status.versions],
        "rollout": status.rollout,
        "events": list(status.events[-FAILURES:]),
    }


def snapshot(target: Target, name: str, since: float, *, resolution: int = 1) -> Snapshot:
    """Look once at the endpoint `name`, with its samples after `since` at a width of 1, 60 or 900 seconds.

    Raises
    ------
    TargetError
        When the target has no such deployment.

    """
    with Watch(target, name) as watch:
        return watch.look(since, resolution=resolution)


class Window:
    """The samples of the last `seconds` and their sum, which grows and shrinks by one sample at a time.

    Adding up minutes of histograms at every look would be most of what looking costs.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.samples: deque[Sample] = deque()
        self.requests = 0
        self.errors = 0
        self._latency: dict[float, int] = {}

    @property
    def end(self) -> float | None:
        """The time of the last sample."""
        return self.samples[-1].time if self.samples else None

    def move(self, samples: Iterable[Sample], now: float) -> None:
        """Take the new samples in and let the old ones go."""
        for sample in samples:
            self.samples.append(sample)
            self._count(sample, 1)
        while self.samples and self.samples[0].time <= now - self.seconds:
            self._count(self.samples.popleft(), -1)

    def _count(self, sample: Sample, sign: int) -> None:
        self.requests += sign * sample.requests
        self.errors += sign * sample.errors
        for bound, count in sample.latency.items():
            self._latency[bound] = self._latency.get(bound, 0) + sign * count

    def quantile(self, share: float) -> float | None:
        """Give the seconds within which `share` of the requests were answered; see `Sample.quantile`."""
        return Sample(0.0, 0.0, 0, 0, self._latency).quantile(share)

    @property
    def total(self) -> Sample | None:
        """All samples as one, as `combine_samples` makes it."""
        if not self.samples:
            return None
        return combine_samples(self.samples, {bound: count for bound, count in self._latency.items() if count})


class Watch:
    """Looks at one endpoint again and again, and asks only for what may be new.

    It belongs to the thread that makes it.
    """

    def __init__(self, target: Target, name: str) -> None:
        self.name = name
        self._target = target
        self._registry = open_registry(registry_path())
        self._status: tuple[float, int, Status] | None = None
        self._failures: tuple[Failure, ...] = ()
        self._searched = float("-inf")
        self._failing = True

    def look(self, since: float, *, resolution: int = 1) -> Snapshot:
        """Look now; see `snapshot`."""
        now = time.time()
        samples = tuple(read_samples(self._registry, self.name, since, resolution))
        self._failing = self._failing or any(sample.errors for sample in samples)
        if self._failing and time.monotonic() - self._searched >= _FAILURES_SECONDS:
            self._failures = search_failures(self._target, self.name)
            self._searched, self._failing = time.monotonic(), False
        return Snapshot(self.name, now, since, resolution, self._read_status(), samples, self._failures)

    def refresh(self) -> None:
        """Ask for everything the next time: something was done to the endpoint."""
        self._status, self._searched, self._failing = None, float("-inf"), True

    def _read_status(self) -> Status:
        # Whatever changes an endpoint leaves an event.
        (event,) = self._registry.execute(
            "SELECT COALESCE(MAX(id), 0) FROM events WHERE deployment = ?", (self.name,)).fetchone()
        known = self._status
        lasts = ROLLOUT_SECONDS if known and known[2].rollout else STATUS_SECONDS
        if known is None or known[1] != event or time.monotonic() - known[0] >= lasts:
            known = self._status = (time.monotonic(), event, self._target.status(self.name)[0])
        return known[2]

    def close(self) -> None:
        """Let go of the registry."""
        self._registry.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def read_samples(registry: Connection, name: str, since: float, resolution: int) -> list[Sample]:
    """Give the samples after `since` at a width, and finer ones for the end that is not yet rolled up to it."""
    settled = list_samples(registry, name, since, resolution)
    return settled + read_tail(registry, name, settled[-1].time if settled else since, resolution)


def read_tail(registry: Connection, name: str, since: float, resolution: int) -> list[Sample]:
    """Give the finer samples after `since`, which are not yet rolled up to a width."""
    samples: list[Sample] = []
    for width in sorted((one.seconds for one in RESOLUTIONS if one.seconds < resolution), reverse=True):
        samples += list_samples(registry, name, samples[-1].time if samples else since, width)
    return samples


def search_failures(target: Target, name: str) -> tuple[Failure, ...]:
    """Search the end of an endpoint's log for failed calls."""
    return tuple(find_failures(target.logs(name, lines=_LINES)))


def find_failures(records: Iterable[Mapping[str, Any]]) -> list[Failure]:
    """Give the failed calls among log records (the oldest first), the latest first; like ones are one."""
    found: dict[tuple[Any, ...], Failure] = {}
    for record in records:
        if record.get("level") != "error" or "entry" not in record:
            continue
        cell, where, version = record.get("cell"), record.get("where"), str(record.get("version", ""))
        key = (record["entry"], record["message"], cell, where, version)
        before = found.pop(key, None)
        found[key] = Failure(str(record["message"]), str(record["entry"]), cell, where, version, record.get("error_id"),
                             str(record.get("time", "")), before.count + 1 if before else 1)
    return list(found.values())[::-1][:FAILURES]
