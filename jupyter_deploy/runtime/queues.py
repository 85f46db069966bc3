"""Batching without waiting: what arrives together, or while a batch is computed, is the next batch.

The first request of an idle entry is answered in the same turn of the event loop, with all that came in that turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from time import perf_counter

from .batches import Plan
from .calls import SMALL, Caller
from .entries import ServedEntry
from .lines import Line
from .messages import Answer, Deliver, Request
from .refusals import Refusal, gave_way, outwaited
from .terms import is_overdue

LARGE = 1 << 17
"""Bytes of bodies that are answered together: with more, the first would wait for the last, and nothing is gained."""


class Queue:
    """The requests of one entry that wait for the next batch.

    Parameters
    ----------
    most
        Requests in a batch.

    """

    def __init__(self, entry: ServedEntry, plan: Plan, caller: Caller, *, most: int, deliver: Deliver) -> None:
        self._entry = entry
        self._plan = plan
        self._caller = caller
        self._most = most
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._line: Line[Request] = Line()
        self._waiting = self._line.plain
        self._busy = False
        """A batch is being computed, or will begin in the next turn of the event loop."""
        self._seen = 0
        """Requests that waited a turn of the event loop ago."""
        self._last = 1
        """Requests in the last batch."""
        self._begun = 0.0
        """When the last batch began."""
        self._seconds = 0.0
        """The running mean of a batch's duration."""
        caller.rooms.append(self)

    def takes(self, request: Request) -> bool:
        """Tell whether a request may share a batch: a large body is better answered alone, by a thread of its own."""
        return len(request.body) < SMALL

    def add(self, request: Request) -> None:
        """Put a request into the next batch."""
        if request.terms is None and request.client is None:
            self._waiting.append(request)
        else:
            self._line.add(request)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        waiting = len(self._line if self._line.special else self._waiting)
        if self._seen < waiting < self._last:
            # The callers of the last batch are coming back: one more turn, as long as each brings some of them.
            self._seen = waiting
            self._loop.call_soon(self._begin)
            return
        self._seen = 0
        batch = self._take_in_turn() if self._line.special else self._take()
        if not batch:
            self._end(batch, ())
            return
        self._last = len(batch)
        if self._caller.is_short(self._entry):
            self._end(batch, self._caller.call_together(self._entry, partial(self._answer, batch)))
            return
        future = self._caller.submit(self._entry, partial(self._answer, batch), partial(_refuse_all, batch))
        future.add_done_callback(lambda done: self._end(batch, done.result()))

    def _take(self) -> list[Request]:
        batch: list[Request] = []
        size = 0
        while self._waiting and len(batch) < self._most and size < LARGE:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].body)
        return batch

    def _take_in_turn(self) -> list[Request]:
        """Take the next batch where not all who wait have the same right; who waited in vain is refused."""
        batch: list[Request] = []
        late: list[Request] = []
        size = 0
        while len(batch) < self._most and size < LARGE and (request := self._line.take()) is not None:
            if is_overdue(request.terms, request.started):
                late.append(request)
            else:
                batch.append(request)
                size += len(request.body)
        if late:
            now = perf_counter()
            self._deliver(late, [one.route.refuse(outwaited(now - one.started)) for one in late])
        return batch

    def _answer(self, batch: Sequence[Request]) -> Sequence[Answer]:
        now, meter = perf_counter(), self._entry.meter
        self._begun = now
        meter.batched(len(batch))
        meter.queued(*[now - request.started for request in batch])
        answers = self._plan.answer(batch)
        self._seconds += (perf_counter() - now - self._seconds) / 8
        return answers

    def _end(self, batch: Sequence[Request], answers: Sequence[Answer]) -> None:
        if self._waiting or self._line.special:
            self._loop.call_soon(self._begin)
        else:
            self._busy = False
        self._deliver(batch, answers)

    def expect(self, priority: int) -> float:
        """Estimate the seconds that a newcomer would wait for its batch to begin."""
        if not self._busy:
            return 0.0
        rest = max(0.0, self._begun + self._seconds - perf_counter())
        return rest + self._line.ahead(priority) // self._most * self._seconds

    def give_way(self, newcomer: Request) -> bool:
        """Refuse one who waits with less right than a newcomer; False when there is none."""
        victim = self._line.give_way(newcomer)
        if victim is not None:
            self._deliver([victim], [victim.route.refuse(gave_way())])
        return victim is not None


def _refuse_all(batch: Sequence[Request], refusal: Refusal) -> list[Answer]:
    return [request.route.refuse(refusal) for request in batch]
