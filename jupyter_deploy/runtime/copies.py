"""Copies of requests and of their answers, as they travel to a version that is tried on them without anyone waiting."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .messages import Answer, Request
from .terms import ENVOY, TIMEOUT

_FRAME = struct.Struct("<HIII")
"""The answer's status, and the bytes of head, body and answer."""
_LEFT_OUT = frozenset({b"connection", b"expect", b"transfer-encoding", b"upgrade", TIMEOUT, ENVOY})
"""Headers about one connection, or about how long the caller waits: nobody waits for a copy."""
MAX_HEADS = 64
"""Heads that are kept as they are written."""
LARGEST = 1 << 20
"""Bytes of a request or an answer that is copied."""


class Heads:
    """Heads as they are written, kept for callers who send the same one each time."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[dict[bytes, bytes], str, bytes]] = {}

    def write(self, request: Request) -> bytes:
        """Write a request's path and headers, one a line."""
        headers = request.headers
        known = self._known.get(id(headers))
        if known is not None and known[0] is headers and known[1] == request.path:
            return known[2]
        lines = [b"%b: %b" % header for header in headers.items() if header[0] not in _LEFT_OUT]
        head = b"\n".join([request.path.encode(), *lines])
        if len(self._known) >= MAX_HEADS:
            self._known.clear()
        self._known[id(headers)] = headers, request.path, head
        return head


@dataclass(frozen=True)
class Copy:
    """A request, and what the live version answered."""

    request: Request
    status: int
    answer: bytes


def write_copy(head: bytes, request: Request, answer: Answer) -> list[bytes]:
    """Write a copy, in parts."""
    frame = _FRAME.pack(answer.status, len(head), len(request.body), len(answer.body))
    return [frame, head, request.body, answer.body]


class Reader:
    """Takes copies out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Copy]:
        """Take what came, and give the copies that are complete."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _FRAME.size:
            status, *sizes = _FRAME.unpack_from(self._buffer, start)
            end = start + _FRAME.size + sum(sizes)
            if len(self._buffer) < end:
                break
            parts, place = [], start + _FRAME.size
            for size in sizes:
                parts.append(bytes(self._buffer[place : place + size]))
                place += size
            start = end
            yield Copy(_read_request(parts[0], parts[1]), status, parts[2])
        del self._buffer[:start]


def _read_request(head: bytes, body: bytes) -> Request:
    path, *lines = head.split(b"\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    return Request("POST", path.decode(), headers, body)
