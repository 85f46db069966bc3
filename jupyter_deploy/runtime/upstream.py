"""A client of other workers on this machine: a few connections that are kept, each with one request at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import httptools

from .messages import Answer, Header, Request

MOST = 64
"""Connections at most; further requests wait for one."""
_LEFT_OUT = frozenset({b"connection", b"content-length", b"expect", b"keep-alive", b"transfer-encoding", b"upgrade"})
"""Headers that are about one connection, not about the request or the answer."""

Outcome = Callable[[Answer | None, bool], None]
"""Takes the answer, or None and whether the request may have been begun before the other worker was gone."""


class Upstream:
    """Sends requests to the workers that listen on some ports of this machine, to each in its turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._idle: deque[Line] = deque()
        self._open = 0
        self._waiting: deque[tuple[bytes, Outcome]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.outstanding = 0
        """Requests that are not answered yet."""

    def send(self, data: bytes, outcome: Outcome) -> None:
        """Send a request, as `write_request` gives it; `outcome` is called once, never before this returns."""
        self.outstanding += 1
        if self._idle:
            self._idle.popleft().send(data, outcome)
        elif self._open < MOST:
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._connect(next(self._ports), data, outcome))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._waiting.append((data, outcome))

    async def _connect(self, port: int, data: bytes, outcome: Outcome) -> None:
        try:
            _, line = await asyncio.get_running_loop().create_connection(lambda: Line(self), "127.0.0.1", port)
        except OSError:
            self._open -= 1
            self.settle(outcome, None, begun=False)
            self._send_waiting()
        else:
            line.send(data, outcome)

    def settle(self, outcome: Outcome, answer: Answer | None, *, begun: bool) -> None:
        """Tell what came of a request."""
        self.outstanding -= 1
        outcome(answer, begun)

    def free(self, line: Line) -> None:
        """Take back a connection that has brought its answer."""
        if self._waiting:
            line.send(*self._waiting.popleft())
        elif self._closed:
            line.close()
        else:
            self._idle.append(line)

    def lose(self, line: Line) -> None:
        """Forget a connection that has ended."""
        self._open -= 1
        if line in self._idle:
            self._idle.remove(line)
        self._send_waiting()

    def _send_waiting(self) -> None:
        if self._waiting and self._open < MOST:
            self.outstanding -= 1
            self.send(*self._waiting.popleft())

    def close(self) -> None:
        """End the connections, each after its answer."""
        self._closed = True
        for line in self._idle:
            line.close()


class Line(asyncio.Protocol):
    """One connection to another worker."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._transport: Any = None
        self._outcome: Outcome | None = None
        self._begin()

    def _begin(self) -> None:
        self._headers: list[Header] = []
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)

    def send(self, data: bytes, outcome: Outcome) -> None:
        """Send one request; the connection has none in progress."""
        self._outcome = outcome
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if name.lower() not in _LEFT_OUT:
            self._headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        outcome, self._outcome = self._outcome, None
        answer = Answer(self._parser.get_status_code(), b"".join(self._body), tuple(self._headers), relayed=True)
        self._begin()
        if self._parser.should_keep_alive():
            self._upstream.free(self)
        else:
            self._transport.close()
        if outcome is not None:
            self._upstream.settle(outcome, answer, begun=True)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell that there will be no answer."""
        self._upstream.lose(self)
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            self._upstream.settle(outcome, None, begun=True)

    def close(self) -> None:
        """End."""
        self._transport.close()


def write_request(request: Request) -> bytes:
    """Write a request anew, with a body of known length, for a connection that stays open."""
    headers = b"".join(b"%b: %b\r\n" % header for header in request.headers.items() if header[0] not in _LEFT_OUT)
    path = quote(request.path, safe="/:@!$&'()*+,;=~-._").encode()
    return b"%b %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (
        request.method.encode(), path, headers, len(request.body), request.body)
