"""The control channel: one JSON object a line, over a socket pair shared with the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable
from typing import Any


class Control:
    """The worker's end of the channel.

    Sending never blocks: a supervisor that does not read misses messages, but cannot hold up the worker.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._lock = threading.Lock()
        self._pending = b""

    def close(self) -> None:
        """Leave the channel to others that hold it."""
        self._socket.close()

    def receive(self) -> tuple[list[dict[str, Any]], list[int]]:
        """Wait for operations and for the descriptors that come with them; the end is `{"op": "end"}`."""
        while True:
            select.select([self._socket], [], [])
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, 16)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                data, descriptors = b"", []
            if not data:
                return [{"op": "end"}], descriptors
            *lines, self._pending = (self._pending + data).split(b"\n")
            return [json.loads(line) for line in lines], descriptors

    def send(self, event: str, **fields: object) -> None:
        """Tell the supervisor; safe from any thread."""
        message = {"event": event, **{name: value for name, value in fields.items() if value is not None}}
        with self._lock, contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._socket.send(json.dumps(message).encode() + b"\n")

    def listen(self, loop: asyncio.AbstractEventLoop, on_message: Callable[[dict[str, Any]], None]) -> None:
        """Call `on_message` for every operation; the end of the channel is `{"op": "end"}`."""
        loop.add_reader(self._socket, self._read, loop, on_message)

    def _read(self, loop: asyncio.AbstractEventLoop, on_message: Callable[[dict[str, Any]], None]) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            loop.remove_reader(self._socket)
            on_message({"op": "end"})
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            on_message(json.loads(line))
