"""The endpoints of this machine with their figures, looked at again and again: only what is new is read."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from jupyter_deploy.metrics import Sample
from jupyter_deploy.registry import Connection, list_deployments, list_samples, open_registry, registry_path
from jupyter_deploy.targets.deployments import find_targets
from jupyter_deploy.targets.target import Status, Target
from jupyter_deploy.watch import STATUS_SECONDS, Failure, Window, describe_status, read_tail, search_failures

WINDOW = 300
"""Seconds that the figures look back on."""
POINTS = 60
"""Points of a spark line."""
STRETCH = WINDOW / POINTS
"""Seconds of a point."""
NOW = 10
"""Seconds that are now."""
KEPT = 60.0
"""Seconds after which a log is searched in any case."""
LONG = 60.0
"""Seconds without a look after which a line begins anew."""
LATE = 3.0
"""Seconds that a sample may come after what it counts."""


class Board:
    """Keeps the last minutes' samples, and how the endpoints are until something happens to one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, Line] = {}
        self._statuses: tuple[float, Any, tuple[Status, ...]] | None = None

    def refresh(self) -> None:
        """Ask for everything the next time: something was done to an endpoint."""
        self._statuses = None

    def describe(self) -> list[dict[str, Any]]:
        """Give every endpoint with its figures."""
        now = time.time()
        with self._lock, closing(open_registry(registry_path())) as registry:
            statuses = self._read_statuses(registry)
            self._lines = {one.name: self._find_line(one.name, now) for one in statuses}
            for name, line in self._lines.items():
                line.move(_read_samples(registry, name, line, now), now)
            return [{**_summarise(one), **self._lines[one.name].describe(now)} for one in statuses]

    def _find_line(self, name: str, now: float) -> Line:
        line = self._lines.get(name)
        return line if line and line.looked >= now - LONG else Line()

    def _read_statuses(self, registry: Connection) -> tuple[Status, ...]:
        # Whatever changes an endpoint leaves an event, but that a supervisor is gone.
        (event,) = registry.execute("SELECT COALESCE(MAX(id), 0) FROM events").fetchone()
        state = (registry_path(), event, [(one.name, one.version, one.wanted) for one in list_deployments(registry)])
        known = self._statuses
        if known is None or known[1] != state or time.monotonic() - known[0] >= STATUS_SECONDS or _is_moving(known[2]):
            statuses = tuple(status for target in find_targets(None) for status in target.status())
            known = self._statuses = (time.monotonic(), state, statuses)
        return known[2]


def _read_samples(registry: Connection, name: str, line: Line, now: float) -> list[Sample]:
    """Read what is new; for a line that begins by the minute, as far as that is rolled up: the list waits for it."""
    if line.looked:
        return list_samples(registry, name, line.window.end or now - WINDOW)
    minutes = list_samples(registry, name, now - WINDOW, 60)
    return [*minutes, *read_tail(registry, name, minutes[-1].time if minutes else now - WINDOW, 60)]


def _is_moving(statuses: Iterable[Status]) -> bool:
    return any(one.state == "starting" or (one.state == "live" and one.workers < one.wanted_workers)
               for one in statuses)


def _summarise(status: Status) -> dict[str, Any]:
    return {key: value for key, value in describe_status(status).items() if key not in ("versions", "events")}


class Line:
    """An endpoint's samples of the last minutes, and its spark line, to which each sample is added once."""

    def __init__(self) -> None:
        self.window = Window(WINDOW)
        self.looked = 0.0
        """When samples were last taken in."""
        self._counts: dict[int, float] = {}

    def move(self, samples: Iterable[Sample], now: float) -> None:
        """Take the new samples in and let the old ones go."""
        self.looked = now
        taken = list(samples)
        self.window.move(taken, now)
        for sample in taken:
            if sample.requests:
                first, last = (int(time // STRETCH) for time in (sample.time - sample.seconds, sample.time))
                for stretch in range(first, last + 1):
                    share = sample.requests / (last - first + 1)
                    self._counts[stretch] = self._counts.get(stretch, 0.0) + share
        oldest = int(now // STRETCH) - POINTS
        self._counts = {stretch: count for stretch, count in self._counts.items() if stretch > oldest}

    def describe(self, now: float) -> dict[str, Any]:
        """Give the figures of now, and the requests a second in equal stretches of the window, the oldest first."""
        recent = itertools.takewhile(lambda sample: sample.time > now - NOW, reversed(self.window.samples))
        end = int(now // STRETCH)
        return {
            "rate": sum(sample.requests for sample in recent) / NOW,
            "p95": self.window.quantile(0.95),
            "requests": self.window.requests,
            "errors": self.window.errors,
            "spark": [round(self._counts.get(stretch, 0.0) / STRETCH, 2)
                      for stretch in range(end - POINTS + 1, end + 1)],
        }


class Failures:
    """The failed calls of endpoints: a log is searched again only when calls have failed since."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[Failure, ...]]] = {}

    def read(self, registry: Connection, target: Target, name: str) -> tuple[Failure, ...]:
        """Give those of one endpoint."""
        now = time.time()
        searched, failures = self._known.get(name, (0.0, ()))
        if now - searched >= KEPT or self._has_failed(registry, name, searched - LATE):
            failures = search_failures(target, name)
            self._known[name] = now, failures
        return failures

    def _has_failed(self, registry: Connection, name: str, since: float) -> bool:
        found = registry.execute("SELECT 1 FROM samples WHERE deployment = ? AND resolution = 1 AND time > ?"
                                 " AND errors > 0 LIMIT 1", (name, since))
        return found.fetchone() is not None
