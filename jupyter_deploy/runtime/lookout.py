"""Busy polling: looking for a lone caller's next request for a moment, before the event loop sleeps.

A caller that sends the next request as soon as it has the answer spends a third of its time waiting for the system to
wake the worker. While the last requests have each come within `WINDOW` of the previous answer, the event loop polls for
the next one that long. It stops at the first that does not come in time, or when another process wants the core, and
then needs to see more of them before it polls again: the loss stays below a few per cent.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

WINDOW = 0.0002
"""Seconds after an answer for which the next request is looked for."""
LEAST, MOST = 16, 4096
"""So many requests in a row have to come that soon before it is done: the more, the more often it was in vain."""
PUT_OFF = 0.00005
"""Seconds: a turn of the event loop in which nothing came, and that took longer, was somebody else's time."""


class Lookout:
    """Decides how the event loop waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answered = 0.0
        """When the last answer was sent."""
        self._soon = 0
        """Requests in a row that came soon after the answer before."""
        self._needed = LEAST
        self._looked = 0.0
        self.looking = False
        """Whether the event loop does not sleep."""

    def answered(self, started: float, now: float) -> None:
        """Tell that a request that had come alone was answered; both times by `perf_counter`."""
        if started - self._answered < WINDOW:
            self._soon += 1
            if self.looking and self._needed > LEAST:
                self._needed -= 1
        else:
            self._soon = 0
        self._answered = now
        if self._soon >= self._needed and not self.looking:
            self.looking = True
            self._looked = now
            self._loop.call_soon(self._look)

    def crowd(self) -> None:
        """Tell that several requests were answered together: while the next ones gather, nobody waits in vain."""
        self._soon = 0

    def _look(self) -> None:
        now = perf_counter()
        latest = max(self._looked, self._answered)
        self._looked = now
        if now - self._answered < WINDOW and now - latest < PUT_OFF and self._soon:
            self._loop.call_soon(self._look)
            return
        self.looking = False
        if self._soon:
            self._soon = 0
            self._needed = min(2 * self._needed, MOST)
