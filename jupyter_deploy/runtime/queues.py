"""Batching without waiting: what arrives together, or while a batch is computed, is the next batch.

The first request of an idle entry is answered in the same turn of the event loop, with all that came in that turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter

from .batches import Plan
from .calls import SMALL, Caller
from .entries import ServedEntry
from .messages import Answer, Request
from .refusals import Refusal

LARGE = 1 << 20
"""Bytes of bodies that are answered together."""

Deliver = Callable[[Sequence[Request], Sequence[Answer]], None]
"""Takes the answers of a batch, in the event loop."""


class Queue:
    """The requests of one entry that wait for the next batch, the first come in front.

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
        self._waiting: deque[Request] = deque()
        self._busy = False
        """A batch is being computed, or will begin in the next turn of the event loop."""
        self._seen = 0
        """Requests that waited a turn of the event loop ago."""
        self._last = 1
        """Requests in the last batch."""

    def takes(self, request: Request) -> bool:
        """Tell whether a request may share a batch: a large body is better answered alone, by a thread of its own."""
        return len(request.body) < SMALL

    def add(self, request: Request) -> None:
        """Put a request into the next batch."""
        self._waiting.append(request)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        waiting = len(self._waiting)
        if self._seen < waiting < self._last:
            # The callers of the last batch are coming back: one more turn, as long as each brings some of them.
            self._seen = waiting
            self._loop.call_soon(self._begin)
            return
        self._seen = 0
        batch = self._take()
        self._last = len(batch)
        if self._caller.is_short(self._entry):
            self._end(batch, self._caller.call_together(self._entry, partial(self._answer, batch)))
            return
        future = self._caller.submit(self._entry, partial(self._answer, batch), partial(_refuse_all, batch))
        future.add_done_callback(lambda done: self._end(batch, done.result()))

    def _take(self) -> list[Request]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].body)
        while self._waiting and len(batch) < self._most and size < LARGE:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].body)
        return batch

    def _answer(self, batch: Sequence[Request]) -> Sequence[Answer]:
        now, meter = perf_counter(), self._entry.meter
        meter.batched(len(batch))
        for request in batch:
            meter.queued(now - request.started)
        return self._plan.answer(batch)

    def _end(self, batch: Sequence[Request], answers: Sequence[Answer]) -> None:
        if self._waiting:
            self._loop.call_soon(self._begin)
        else:
            self._busy = False
        self._deliver(batch, answers)


def _refuse_all(batch: Sequence[Request], refusal: Refusal) -> list[Answer]:
    return [request.route.refuse(refusal) for request in batch]
