"""What a stand-alone worker answers while it loads: it listens first, so that nobody is refused a connection."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

from .protocols.health import LIVE

NOT_READY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: 75\r\n\r\n"
    b'{"error": {"type": "not_ready", "message": "the service is still loading"}}'
)
ALIVE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 14\r\n\r\n"
    b'{"live": true}'
)
PATIENCE = 0.5
"""Seconds that a caller has to send a request."""


@contextlib.contextmanager
def answering_not_ready(listener: socket.socket) -> Iterator[None]:
    """Answer on `listener` from a thread: 503 with Retry-After, and 200 to the question whether the process lives.

    The main thread is busy importing the service, which must happen there: what it imports may depend on it.
    """
    wake, stop = socket.socketpair()
    thread = threading.Thread(target=_answer_until, args=(listener, stop), name="loading", daemon=True)
    thread.start()
    try:
        yield
    finally:
        wake.close()
        thread.join()
        stop.close()


def _answer_until(listener: socket.socket, stop: socket.socket) -> None:
    while True:
        readable, _, _ = select.select([listener, stop], [], [])
        if stop in readable:
            return
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                _answer(connection)


def _answer(connection: socket.socket) -> None:
    connection.settimeout(PATIENCE)
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 65536:
        block = connection.recv(65536)
        if not block:
            return
        head += block
    path = head.split(b" ", 2)[1].split(b"?")[0].decode("latin-1")
    connection.sendall(ALIVE if path in LIVE else NOT_READY)
    # Closing with unread input would reset the connection before the answer is read.
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
