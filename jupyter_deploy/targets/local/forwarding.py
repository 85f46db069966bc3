"""Passing connections on: the supervisor holds a deployment's address, containers answer on private ports.

A container engine publishes a port for one container, from its start to its end: the address of a deployment cannot
go from one container to the next. So it stays here, and each new connection goes to the version that is live then.
What is open stays where it is, until it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from typing import cast

from jupyter_deploy.runtime.room import BACKLOG, Full, raise_limit
from jupyter_deploy.targets.local.listeners import LOOPBACK, Listener

CONNECT_SECONDS = 10.0
"""How long a caller waits for a container that is being restarted."""
_PAUSE = 0.05
_QUIET_SECONDS = 0.3
"""A connection on which nothing moved for so long, the last being an answer, has no request under way."""
_LIMIT = 1 << 20
"""Bytes that wait for a slow reader before the other side is paused."""


class Forward:
    """A deployment's listening socket, and the private ports that its connections go to."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.ports: tuple[int, ...] = ()
        self._shunned: frozenset[int] = frozenset()
        self._open: set[_Caller] = set()
        self._most = raise_limit() // 2  # a connection that is passed on takes two open files
        self._server: asyncio.Server | None = None

    async def switch(self, ports: Sequence[int]) -> None:
        """Send new connections to `ports` from now on; begin to accept, if this is the first time."""
        self.ports = tuple(ports)
        if self._server is None:
            self.listener.listen()
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._admit, sock=self.listener.socket, backlog=BACKLOG)

    def _admit(self) -> asyncio.Protocol:
        return _Caller(self) if len(self._open) < self._most else Full()

    async def close(self, seconds: float) -> None:
        """Refuse callers from now on; let what is under way end for at most `seconds`, then end all connections."""
        if self._server is not None:
            self._server.close()
        self.listener.close()
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(one.busy for one in self._open):  # noqa: ASYNC110 - nobody tells of quiet
            await asyncio.sleep(_PAUSE)
        for one in list(self._open):
            one.end()

    def count(self, port: int) -> int:
        """How many connections go to a port now."""
        return sum(one.port == port for one in self._open)

    def choose(self) -> int | None:
        """Choose where the next connection goes: where the fewest are; None when it must wait."""
        return min((port for port in self.ports if port not in self._shunned), key=self.count, default=None)

    def shun(self, ports: Collection[int]) -> None:
        """Send nobody to these ports until told otherwise, and end what goes there."""
        self._shunned = frozenset(ports)
        for one in [one for one in self._open if one.port in self._shunned]:
            one.end()

    def add(self, caller: _Caller) -> None:
        """Know of a connection."""
        self._open.add(caller)

    def drop(self, caller: _Caller) -> None:
        """Forget a connection that has ended."""
        self._open.discard(caller)


class _Side(asyncio.Protocol):
    """One side of a forwarded connection: what comes in here goes out at the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self.ended = False
        """Nothing more comes in here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_LIMIT)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.other is not None and self.other.transport is not None and self.other.transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                self.other.transport.write_eof()
        # When both have said all, nothing more happens that could close the connection: this does.
        return self.other is None or not self.other.ended

    def connection_lost(self, _error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


class _Caller(_Side):
    """The caller's side."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.port = 0
        self.asked = False
        """The last bytes came from the caller: a request is under way."""
        self.moved = time.monotonic()
        self._forward = forward
        self._connecting: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a request may be under way."""
        return self.asked or time.monotonic() - self.moved < _QUIET_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast("asyncio.Transport", transport).pause_reading()
        self._forward.add(self)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + CONNECT_SECONDS
        while self.transport is not None and not self.transport.is_closing():
            port = self._forward.choose()
            try:
                if port is None:
                    raise ConnectionRefusedError
                self.port = port
                _, side = await loop.create_connection(lambda: _Service(self), LOOPBACK, port)
            except OSError:
                if loop.time() > until:
                    self.end()
                    return
                await asyncio.sleep(_PAUSE)
                continue
            self.other = side
            if self.transport is None or self.transport.is_closing():
                cast("asyncio.Transport", side.transport).close()
            else:
                self.transport.resume_reading()
            return

    def data_received(self, data: bytes) -> None:
        self.asked, self.moved = True, time.monotonic()
        super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._forward.drop(self)
        super().connection_lost(error)
        self.transport = None

    def end(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.close()


class _Service(_Side):
    """The service's side."""

    def __init__(self, caller: _Caller) -> None:
        super().__init__()
        self.other = caller
        self._caller = caller

    def data_received(self, data: bytes) -> None:
        self._caller.asked, self._caller.moved = False, time.monotonic()
        super().data_received(data)


async def fetch(port: int, path: str, headers: dict[str, str], seconds: float) -> tuple[bytes, bytes]:
    """Get the status and the body of a page on a private port (raises `OSError`, `asyncio.TimeoutError`)."""
    async def ask() -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            lines = [f"GET {path} HTTP/1.1", "host: localhost", "connection: close",
                     *(f"{key}: {value}" for key, value in headers.items())]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = await reader.read()
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return b"".join(head.split(b" ", 2)[1:2]), body

    return await asyncio.wait_for(ask(), seconds)
