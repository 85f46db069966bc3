"""Asking a worker whether it is ready: the health check of a container, which starts a process each time."""

from __future__ import annotations

import socket

_PATIENCE = 3.0
"""Seconds."""


def probe(port: int) -> int:
    """Give 0 when the worker on this port of this machine is ready, and 1 otherwise, as a process' exit status."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            answer = connection.recv(1024)
    except OSError:
        return 1
    return 0 if answer.split(b" ", 2)[1:2] == [b"200"] else 1
