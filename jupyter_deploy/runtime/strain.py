"""How hard a worker works: what the supervisor needs to know to give it help, or to take it away."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from .app import App
from .calls import Caller
from .counters import Counters
from .server import Server

LOOK_SECONDS = 0.1
"""A worker looks at itself so often."""
BUSY = 0.8
"""Of a core: an event loop that takes more has no time left."""
SHORT_WAIT = 0.01
LONG_WAIT = 1.5
"""A wait hurts that is longer than this many seconds, and than so many calls take."""


@dataclass(frozen=True)
class Load:
    """What one worker did since it last told."""

    in_flight: int
    """Connections on which a request is being received or answered."""
    progress: int
    """Predictions that wait or run outside the event loop."""
    callers: int
    """Connections that sent something in the last second or two."""
    cpu: float
    """Cores that it kept busy."""
    waited: float
    """Seconds for which calls waited, on average."""
    quiet: float
    """Seconds since there was last a prediction to answer."""
    strained: bool
    """Its callers would be better off with another worker."""

    def dump(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return asdict(self)


class Strain:
    """Looks at a worker again and again."""

    def __init__(self, app: App, caller: Caller, counters: Counters, server: Server) -> None:
        self._app = app
        self._caller = caller
        self._counters = counters
        self._server = server
        self._time = time.monotonic()
        self._cpu = time.process_time()
        self._durations = counters.sum_durations()
        self._last = 0.0
        self._active = self._time

    def look(self) -> Load:
        """Give the load since the last look."""
        now, cpu, durations = time.monotonic(), time.process_time(), self._counters.sum_durations()
        seconds = max(1e-6, now - self._time)
        busy = (cpu - self._cpu) / seconds
        waits, waited, calls, called = (new - old for new, old in zip(durations, self._durations, strict=True))
        self._time, self._cpu, self._durations = now, cpu, durations
        wait = waited / waits if waits else 0.0
        callers = self._server.count_callers() if busy >= BUSY else 0
        delayed = wait > max(SHORT_WAIT, LONG_WAIT * (called / calls if calls else 0.0))
        full = self._caller.full and self._app.in_progress > self._caller.running_calls
        last = self._counters.slots[self._counters.last_answered]
        if last != self._last or self._app.in_progress or self._server.in_flight:
            self._last, self._active = last, now
        return Load(self._server.in_flight, self._app.in_progress, callers, round(busy, 3), round(wait, 4),
                    round(now - self._active, 3), delayed or full or (busy >= BUSY and callers > 1))
