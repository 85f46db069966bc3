"""The listening sockets: bound by the supervisor once, shared by all workers that a deployment ever has."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import time
from collections.abc import Callable, Collection

from jupyter_deploy.errors import TargetError
from jupyter_deploy.targets.local.keeping import Keeping

LOOPBACK = "127.0.0.1"
FIRST_PORT = 8100
_LAST_PORT = 8999
REBIND_SECONDS = 30.0
"""How long a remembered port is waited for: workers of a supervisor that was killed may still hold it."""
_REBIND_PAUSE = 0.05
_BACKLOG = 4096
"""So many callers wait at most, if the system lets them (`net.core.somaxconn`); others try again by themselves."""


class Listener:
    """A bound socket; callers are refused until `listen`."""

    def __init__(self, sock: socket.socket, keeping: Keeping | None = None) -> None:
        self.socket = sock
        self.host, self.port = sock.getsockname()[:2]
        self._keeping = keeping

    @property
    def url(self) -> str:
        """Where callers on this machine reach it."""
        return build_url(self.host, self.port)

    def listen(self) -> None:
        """Let callers connect; they wait in the kernel until a worker accepts."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.listen(_BACKLOG)
        except OSError as error:
            raise TargetError(f"port {self.port} was taken by another program meanwhile: {error.strerror}",
                              advice="deploy again") from error
        if self._keeping is not None:
            self._keeping.keep(_name_key(self.host, self.port), self.socket)

    def close(self) -> None:
        """Give the port back."""
        if self._keeping is not None:
            self._keeping.drop(_name_key(self.host, self.port))
        self.socket.close()


def _name_key(host: str, port: int) -> str:
    return f"port {host} {port}"


def build_url(host: str, port: int) -> str:
    """Give the URL at which callers on this machine reach a socket that listens on `host`."""
    host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether `host` is an address that only this machine can reach (`TargetError` when it is not an address)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise TargetError(f"{host!r} is not an IP address to listen on",
                          advice="use 127.0.0.1 for this machine only, 0.0.0.0 for every network") from error


def bind_listener(host: str, port: int | None, avoid: Collection[int] = (), keeping: Keeping | None = None) -> Listener:
    """Bind `port`, or the first free one from `FIRST_PORT` on that is not in `avoid`.

    A socket with this address that is in keeping, because a supervisor was killed, is taken as it is, with who waits.

    Raises
    ------
    TargetError
        When that port is taken, or none is free.

    """
    if port is not None:
        if keeping is not None and (kept := keeping.take(_name_key(host, port))) and kept.socket:
            return Listener(kept.socket, keeping)
        try:
            return Listener(_bind(host, port, reuse=True), keeping)
        except OSError as error:
            raise TargetError(
                f"cannot listen on {host}, port {port}: {error.strerror}",
                advice="stop the program that uses it, or choose another with --port",
            ) from error
    for candidate in range(FIRST_PORT, _LAST_PORT + 1):
        if candidate in avoid:
            continue
        try:
            # Without address reuse: with it, two sockets may be bound to one port until the first of them listens.
            return Listener(_bind(host, candidate, reuse=False), keeping)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise TargetError(f"cannot listen on {host}, port {candidate}: {error.strerror}") from error
    raise TargetError(f"no port from {FIRST_PORT} to {_LAST_PORT} is free on {host}", advice="choose one with --port")


def _bind(host: str, port: int, *, reuse: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A port whose last connections are still in TIME_WAIT can be taken again, if both sockets say so.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        sock.bind((host, port))
        # Until it listens nobody else can bind the port, which two sockets that say so could.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class Refusing:
    """Answers the callers of a socket with 503 as long as no worker does, so that they do not wait in vain."""

    _ANSWER = (b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
               b"Retry-After: 10\r\nContent-Length: %d\r\n\r\n%b")
    _BODY = b'{"error": "failed", "message": "the workers of this service fail; its log says why"}'

    def __init__(self, listener: Listener) -> None:
        self._socket = listener.socket.dup()
        self._serving = asyncio.get_running_loop().create_task(self._serve())

    def end(self) -> None:
        """Leave the callers to others."""
        self._serving.cancel()

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._refuse, sock=self._socket) as server:
            await server.serve_forever()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            # Read first: a connection that is closed with unread bytes takes the answer with it.
            await asyncio.wait_for(reader.read(1 << 16), 5.0)
            writer.write(self._ANSWER % (len(self._BODY), self._BODY))
            await writer.drain()
        writer.close()


async def wait_for_port(bind: Callable[[], Listener]) -> Listener:
    """Bind a remembered port, waiting while something else holds it (raises `TargetError` in the end)."""
    end = time.monotonic() + REBIND_SECONDS
    while True:
        try:
            return bind()
        except TargetError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(_REBIND_PAUSE)
