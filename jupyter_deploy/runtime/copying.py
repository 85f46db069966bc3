"""Copying requests, with their answers, to a version that is tried without anyone waiting for it: a shadow."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from .copies import LARGEST, Heads, write_copy
from .counters import Counters
from .messages import Answer, Request

PAUSE = 0.05
"""Seconds that copies are gathered for: a write costs as much as an answer, so one takes many."""
MOST = 128
BULK = 1 << 18
"""So many copies, or bytes of them, are not gathered for longer."""
BEHIND = 4 << 20
"""Bytes that the other version may be behind; while it is, copies are dropped."""
_NOT_ANSWERED = frozenset({401, 413, 415, 429, 503})
"""Statuses with which a request was refused unread; there is nothing to compare."""


class Copier:
    """Sends copies to the workers of another version that listen for them on some ports of this machine."""

    def __init__(self, ports: Sequence[int], version: str, counters: Counters) -> None:
        self.version = version
        self._loop = asyncio.get_running_loop()
        self._slots = counters.slots
        self._dropped = counters.shadow["dropped"]
        self._heads = Heads()
        self._gathered: list[tuple[Request, Answer]] = []
        self._size = 0
        """Bytes of their bodies."""
        self._timer: asyncio.TimerHandle | None = None
        self._lanes: list[Any] = []
        self._turn = itertools.count()
        self._ended = False
        self._connecting = [self._loop.create_task(self._connect(port)) for port in ports]

    async def _connect(self, port: int) -> None:
        try:
            transport, _ = await self._loop.create_connection(lambda: Lane(self._lanes), "127.0.0.1", port)
        except OSError:
            return  # the supervisor sees that worker's end, and tells of the next one
        if self._ended:
            transport.close()

    def copy(self, request: Request, answer: Answer) -> None:
        """Take a request that has been answered; it is sent later."""
        if answer.status in _NOT_ANSWERED:
            return
        asked, answered = len(request.body), len(answer.body)
        if asked > LARGEST or answered > LARGEST:
            self._slots[self._dropped] += 1
            return
        if self._timer is None:
            self._timer = self._loop.call_later(PAUSE, self._send)
        self._gathered.append((request, answer))
        self._size += asked + answered
        if len(self._gathered) >= MOST or self._size >= BULK:
            self._timer.cancel()
            self._send()

    def _send(self) -> None:
        self._timer = None
        gathered, self._gathered = self._gathered, []
        self._size = 0
        lanes = [lane for lane in self._lanes if lane.get_write_buffer_size() < BEHIND]
        if not lanes:
            self._slots[self._dropped] += len(gathered)
            return
        write = self._heads.write
        parts = [part for request, answer in gathered for part in write_copy(write(request), request, answer)]
        lanes[next(self._turn) % len(lanes)].write(b"".join(parts))

    def end(self) -> None:
        """Copy nothing any more."""
        self._ended = True
        for lane in self._lanes:
            lane.close()


class Lane(asyncio.Protocol):
    """A connection on which copies leave; nothing comes back."""

    def __init__(self, lanes: list[Any]) -> None:
        self._lanes = lanes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._lanes.append(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """End."""
        self._lanes.remove(self._transport)
