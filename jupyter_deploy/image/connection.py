"""A connection to a service in a container that goes through its engine.

So it is the same wherever the engine runs, no port of its machine is opened, and nothing is shared with it. The engine
runs a relay in the container, beside the service, and passes on what that reads and writes.
"""

from __future__ import annotations

import http.client
import io
import struct
from typing import Any

from jupyter_deploy.image.dockerfile import PYTHON
from jupyter_deploy.image.refusals import explained

_RELAY = """\
import os, socket, sys, threading, time
while True:
    try:
        service = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        break
    except OSError:
        time.sleep(0.01)
def send():
    while data := os.read(0, 65536):
        service.sendall(data)
    service.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
with open(1, "wb", 0) as output:
    while data := service.recv(65536):
        output.write(data)
"""
"""It waits until the service listens, and says nothing before it is asked."""
_OUTPUT = 1
"""The number of the stream that is not standard error."""


class ContainerConnection(http.client.HTTPConnection):
    """HTTP to a port of a running container; connecting raises `ImageError` when no relay can be run there."""

    def __init__(self, api: Any, container: str, port: int, *, timeout: float) -> None:
        super().__init__("127.0.0.1", port, timeout=timeout)
        self._api, self._container = api, container

    def connect(self) -> None:
        """Start a relay, and take its input and output for the socket."""
        with explained("run a command in the container"):
            relay = self._api.exec_create(self._container, [*PYTHON, "-c", _RELAY, str(self.port)], stdin=True)
            stream = self._api.exec_start(relay["Id"], socket=True)
        self.sock: Any = _Wire(stream)
        self.sock.settimeout(self.timeout)


class _Wire:
    """What `http.client` asks of a socket, over an engine's stream of framed output."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._socket = getattr(stream, "_sock", stream)  # the SDK gives the half that reads
        self._users = 1
        self._rest = 0

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        self._socket.sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        self._users += 1
        return io.BufferedReader(_Output(self))

    def close(self) -> None:
        """Close it once its files are closed: an answer is read after its connection was given up."""
        self._users -= 1
        if self._users == 0:
            self._socket.close()
            self._stream._response.close()  # noqa: SLF001 - where the SDK keeps what else holds the socket open

    def receive(self, size: int) -> bytes:
        """Give some bytes of what the relay wrote; none when it has ended."""
        while self._rest == 0:
            head = self._take(8)
            if len(head) < 8:
                return b""
            stream, length = struct.unpack(">BxxxL", head)
            if stream == _OUTPUT:
                self._rest = length
            else:
                self._take(length)
        data: bytes = self._socket.recv(min(size, self._rest))
        self._rest -= len(data)
        return data

    def _take(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self._socket.recv(size - len(data))):
            data += more
        return data


class _Output(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._wire.receive(len(buffer))
        buffer[:len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._wire.close()
        super().close()
