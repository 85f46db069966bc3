"""The other end of copied requests: a worker answers them, and compares its answers with the live version's."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol, cast

import orjson

from .comparison import Comparison, Place, compare_bodies
from .copies import Copy, Reader
from .counters import Counters
from .messages import Answer, Reply, Request

AT_ONCE = 64
"""Copies that are answered at a time."""
BEHIND = 256
"""Copies that wait before no more are read."""
ROWS = 100
"""Places that one worker keeps."""
_BUSY = frozenset({429, 503})
LARGEST = 2000
"""Characters of a row's input, and of each answer, that are kept."""


class App(Protocol):
    """What answers requests in this worker."""

    def admit(self, request: Request) -> Answer | None:
        """Look at a request's head; an answer refuses it."""

    def answer_here(self, request: Request, reply: Reply) -> Answer | None:
        """Answer a request: at once, or later by `reply`."""


class Table:
    """A file of the places at which two versions differ, one JSON object a line: the first ones.

    It holds callers' data, so only its user can read it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = ROWS

    def add(self, copy: Copy, found: Comparison) -> None:
        """Keep where the answers to one request differ, as long as there is room."""
        places = found.places[: self._left]
        self._left -= len(places)
        if not places:
            return
        lines = b"".join(orjson.dumps(_describe(copy, place)) + b"\n" for place in places)
        try:
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
                file.write(lines)
        except OSError:
            self._left = 0  # the disk is full or the folder is gone: the counts go on


def _describe(copy: Copy, place: Place) -> dict[str, Any]:
    return {
        "time": time.time(), "entry": copy.request.route.entry.name, "path": list(place.path),
        "live": _shorten(place.live), "other": _shorten(place.other),
        "input": _find_input(copy.request.body, place.path),
    }


def _find_input(body: bytes, path: tuple[str | int, ...]) -> Any:
    """Give the row of the request that the place is about, where rows can be told, else the whole request."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return f"{len(body)} bytes"
    rows = next(iter(request.values())) if isinstance(request, dict) and len(request) == 1 else None
    if path and isinstance(path[0], int) and isinstance(rows, list) and path[0] < len(rows):
        return _shorten(rows[path[0]])
    return _shorten(request)


def _shorten(value: Any) -> Any:
    text = orjson.dumps(value)
    return value if len(text) <= LARGEST else text[:LARGEST].decode("utf-8", "replace") + "…"


class Shadow:
    """Answers copies with this worker's application, and counts how its answers compare.

    Parameters
    ----------
    tolerance
        Numbers that differ by no more are equal.

    """

    def __init__(self, app: App, counters: Counters, table: Table, tolerance: float) -> None:
        self._app = app
        self._slots = counters.slots
        self._results = counters.shadow
        self._largest = counters.difference
        self._slots[self._largest] = 0.0
        self._table = table
        self._tolerance = tolerance
        self._waiting: deque[Copy] = deque()
        self._under_way = 0
        self._lanes: set[Lane] = set()
        self._server: asyncio.AbstractServer | None = None

    async def listen(self) -> int:
        """Begin to take copies, and give the port of this machine to which they are to be sent."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Lane(self), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def end(self) -> None:
        """Take no more copies."""
        if self._server is not None:
            self._server.close()
        for lane in self._lanes:
            lane.transport.close()
        self._waiting.clear()

    def add(self, lane: Lane) -> None:
        """Begin to read from the live version."""
        self._lanes.add(lane)

    def remove(self, lane: Lane) -> None:
        """Read from it no more."""
        self._lanes.discard(lane)

    def take(self, copy: Copy) -> None:
        """Answer a copy, now or when it is its turn."""
        self._waiting.append(copy)
        if len(self._waiting) > BEHIND:
            for lane in self._lanes:
                lane.transport.pause_reading()
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and self._under_way < AT_ONCE:
            self._answer(self._waiting.popleft())
        if len(self._waiting) <= BEHIND:
            for lane in self._lanes:
                if not lane.transport.is_reading():
                    lane.transport.resume_reading()

    def _answer(self, copy: Copy) -> None:
        request = copy.request
        answer = self._app.admit(request)
        if request.prediction is None:
            self._count("failed")  # it has no such entry
            return
        if answer is None:
            self._under_way += 1
            answer = self._app.answer_here(request, lambda _, late: self._end(copy, late))
            if answer is None:
                return
            self._under_way -= 1
        self._compare(copy, answer)

    def _end(self, copy: Copy, answer: Answer) -> None:
        self._under_way -= 1
        self._compare(copy, answer)
        self._go_on()

    def _compare(self, copy: Copy, answer: Answer) -> None:
        if answer.status in _BUSY:
            self._count("dropped")
            return
        if answer.status != copy.status:
            self._count("failed")
            place = Place((), f"status {copy.status}", f"status {answer.status}")
            self._table.add(copy, Comparison(True, 0.0, [place]))
            return
        if copy.status >= HTTPStatus.BAD_REQUEST:
            self._count("agreed")  # both refuse, each in its own words
            return
        found = compare_bodies(copy.answer, answer.body, self._tolerance)
        self._slots[self._largest] = max(self._slots[self._largest], found.largest)
        self._count("disagreed" if found.differs else "agreed")
        if found.differs:
            self._table.add(copy, found)

    def _count(self, result: str) -> None:
        self._slots[self._results[result]] += 1


class Lane(asyncio.Protocol):
    """A connection on which copies come."""

    transport: asyncio.Transport

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow
        self._reader = Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self._shadow.add(self)

    def data_received(self, data: bytes) -> None:
        """Take the copies that are complete."""
        for copy in self._reader.feed(data):
            self._shadow.take(copy)

    def connection_lost(self, _error: Exception | None) -> None:
        """End."""
        self._shadow.remove(self)
