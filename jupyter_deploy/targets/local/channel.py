"""The supervisor's end of the channel to one of its processes: a socket, one message a line."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from jupyter_deploy.targets.local.control import decode, encode


class Channel(asyncio.Protocol):
    """Hands over what the process says, and tells it what to do.

    Parameters
    ----------
    on_message
        Takes each message of the process.
    on_end
        Called once when nothing more will be said.

    """

    def __init__(self, sock: socket.socket, on_message: Callable[[dict[str, Any]], None],
                 on_end: Callable[[], None]) -> None:
        self.socket = sock
        self._on_message = on_message
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    async def open(self) -> None:
        """Begin to listen."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=self.socket)

    @property
    def is_open(self) -> bool:
        """Whether the process may still say something."""
        return self._transport is not None

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message; a process that has ended hears nothing."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    def send_descriptor(self, message: dict[str, Any], descriptor: int) -> None:
        """Send a message together with an open file (raises `OSError` when the process does not listen)."""
        if self._transport is None:
            raise BrokenPipeError("its channel has ended")
        socket.send_fds(self.socket, [encode(message)], [descriptor])

    def close(self) -> None:
        """Listen no more."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """End."""
        self._transport = None
        self._on_end()

    def data_received(self, data: bytes) -> None:
        """Take the complete lines out of what came."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._on_message(decode(line))
