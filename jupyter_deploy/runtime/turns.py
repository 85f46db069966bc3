"""Calls that take a moment, one in each turn of the event loop: between two, all else is heard.

Were they made as their requests are read, then with a thousand callers the last would be read, and counted, and a probe
of the service's health answered, only after all the others' calls.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from .calls import Caller
from .lines import Line
from .messages import Deliver, Request
from .refusals import gave_way, outwaited
from .terms import is_overdue


class Turns:
    """The requests, of any entry, that wait to be called in the event loop."""

    def __init__(self, caller: Caller, deliver: Deliver) -> None:
        self._caller = caller
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._line: Line[Request] = Line()
        self._busy = False
        self._seconds = 0.0
        """The running mean of a turn's duration."""
        caller.rooms.append(self)

    def add(self, request: Request) -> None:
        """Let a request wait for its turn."""
        self._line.add(request)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        request = self._line.take()
        if request is None:
            self._busy = False
            return
        self._loop.call_soon(self._run)
        began = perf_counter()
        waited = began - request.started
        request.route.entry.meter.queued(waited)
        if is_overdue(request.terms, request.started):
            answer = request.route.refuse(outwaited(waited))
        else:
            answer = self._caller.call(request)
            self._seconds += (perf_counter() - began - self._seconds) / 8
        self._deliver([request], [answer])

    def expect(self, priority: int) -> float:
        """Estimate the seconds that a newcomer would wait."""
        return self._line.ahead(priority) * self._seconds

    def give_way(self, newcomer: Request) -> bool:
        """Refuse one who waits with less right than a newcomer; False when there is none."""
        victim = self._line.give_way(newcomer)
        if victim is not None:
            self._deliver([victim], [victim.route.refuse(gave_way())])
        return victim is not None
