"""Listening sockets and the connections they bring: accepting and draining, under the worker's control."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from email.utils import formatdate

from .connection import Connection, Connections
from .messages import Application
from .room import BACKLOG, Full, raise_limit


class Server:
    """Serves one application on any number of listening sockets."""

    def __init__(self, app: Application, *, receive: float) -> None:
        self._connections = Connections(app, receive=receive)
        self._most = raise_limit()
        self._servers: list[asyncio.AbstractServer] = []
        self._version = b""
        self.tick()

    def tick(self) -> None:
        """Set the date header and end idle connections; to be called once a second."""
        shared = self._connections
        shared.now = time.monotonic()
        shared.headers = f"date: {formatdate(usegmt=True)}\r\n".encode() + self._version
        for connection in list(shared.open):
            connection.check()

    def name_version(self, line: bytes | None) -> None:
        """Send a header line that tells the version with every answer from now on, or none."""
        self._version = line or b""
        self.tick()

    def count_callers(self) -> int:
        """Give the number of connections on which something came in the last second or two."""
        shared = self._connections
        return sum(connection.heard >= shared.now - 1 for connection in shared.open)

    def shed(self, share: float) -> None:
        """Let a share of the callers connect anew, after their next answers: other workers have time for them."""
        self._connections.shedding = int(len(self._connections.open) * share)

    @property
    def in_flight(self) -> int:
        """The number of connections on which a request is being received or answered."""
        return sum(connection.active for connection in self._connections.open)

    async def listen(self, listener: socket.socket) -> None:
        """Start accepting on a listening socket."""
        server = await asyncio.get_running_loop().create_server(self._connect, sock=listener, backlog=BACKLOG)
        self._servers.append(server)
        self._connections.closing = False

    def rest(self) -> None:
        """Stop accepting, but on the first socket; open connections end after their next answer, until `listen`."""
        self._connections.closing = True
        for server in self._servers[1:]:
            server.close()
        del self._servers[1:]

    def _connect(self) -> asyncio.Protocol:
        return Connection(self._connections) if len(self._connections.open) < self._most else Full()

    def abandon(self) -> None:
        """Tell all callers that wait that this worker ends, without the event loop, which hangs; from any thread."""
        for connection in list(self._connections.open):
            with contextlib.suppress(OSError):
                connection.abandon()

    async def drain(self, seconds: float) -> int:
        """Stop accepting and serve the open connections until they are gone or `seconds` have passed.

        Every answer carries `Connection: close`, so a connection in use ends after its next answer. An idle one stays
        open: closing it could cross the caller's next request. Gives the number of connections that were left.
        """
        for server in self._servers:
            server.close()
        shared = self._connections
        shared.closing = True
        deadline = time.monotonic() + seconds
        while shared.open and time.monotonic() < deadline:  # noqa: ASYNC110 - the set tells nobody when it is empty
            await asyncio.sleep(0.02)
        return len(shared.open)


def open_listener(host: str, port: int) -> socket.socket:
    """Open a listening socket (raises `OSError`)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
