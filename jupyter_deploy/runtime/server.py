"""uvicorn's HTTP protocol, driven so that accepting and draining are under the worker's control."""

from __future__ import annotations

import asyncio
import socket
import time
from email.utils import formatdate
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

BACKLOG = 2048
KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than the 60 of common load balancers, so that they close first."""


class Server:
    """Serves one ASGI application on any number of listening sockets."""

    def __init__(self, app: Any) -> None:
        self._config = Config(
            app, http=HttpToolsProtocol, ws="none", lifespan="off", interface="asgi3", log_config=None,
            access_log=False, server_header=False, proxy_headers=False, timeout_keep_alive=KEEP_ALIVE,
        )
        self._config.load()
        self._state = ServerState()
        # uvicorn's protocol keeps a reference to this list for each request: changing it in place reaches all of them.
        self._headers = self._state.default_headers
        self._headers.append((b"date", b""))
        self.tick()
        self._servers: list[asyncio.AbstractServer] = []

    def tick(self) -> None:
        """Set the date header; to be called once a second."""
        self._headers[0] = (b"date", formatdate(time.time(), usegmt=True).encode())

    async def listen(self, listener: socket.socket) -> None:
        """Start accepting on a listening socket."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connect, sock=listener, backlog=BACKLOG)
        self._servers.append(server)

    def _connect(self) -> HttpToolsProtocol:
        return HttpToolsProtocol(self._config, self._state, {})

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._state.connections)

    async def drain(self, seconds: float) -> int:
        """Stop accepting and serve the open connections until they are gone or `seconds` have passed.

        Every answer carries `Connection: close`, so a connection in use ends after its next answer. An idle one stays
        open: closing it could cross the caller's next request. Gives the number of connections that were left.
        """
        for server in self._servers:
            server.close()
        self._headers.append((b"connection", b"close"))
        deadline = time.monotonic() + seconds
        # uvicorn's set of connections tells nobody when it is empty.
        while self.connections and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return self.connections


def open_listener(host: str, port: int) -> socket.socket:
    """Open a listening socket (raises `OSError`)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
