"""Listening sockets and the connections they bring: accepting and draining, under the worker's control."""

from __future__ import annotations

import asyncio
import socket
import time
from email.utils import formatdate

from .connection import Application, Connection, Connections

BACKLOG = 2048
KEEP_ALIVE = 75.0
"""Seconds that an idle connection is kept: longer than the 60 of common load balancers, so that they close first."""


class Server:
    """Serves one application on any number of listening sockets."""

    def __init__(self, app: Application) -> None:
        self._connections = Connections(app)
        self._servers: list[asyncio.AbstractServer] = []
        self.tick()

    def tick(self) -> None:
        """Set the date header and end idle connections; to be called once a second."""
        shared = self._connections
        shared.now = time.monotonic()
        shared.headers = f"date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in list(shared.open):
            connection.close_idle(shared.now - KEEP_ALIVE)

    @property
    def in_flight(self) -> int:
        """The number of connections on which a request is being received or answered."""
        return sum(connection.active for connection in self._connections.open)

    async def listen(self, listener: socket.socket) -> None:
        """Start accepting on a listening socket."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self._connections), sock=listener, backlog=BACKLOG)
        self._servers.append(server)

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
