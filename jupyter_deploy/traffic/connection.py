"""A connection of the generator: one request at a time, and how its answer is found in what arrives."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, Protocol

END = b"\r\n\r\n"
_KNOWN = 1000
"""Heads that are remembered."""


class Head(NamedTuple):
    """The head of an answer."""

    status: str
    length: int
    """Of its body, in bytes."""
    last: bool
    """Whether the connection ends."""
    version: str | None
    """Which one answered, where the service says so: while there are two."""


class Owner(Protocol):
    """What uses connections."""

    def welcome(self, connection: Connection) -> None:
        """Use a new connection."""

    def take(self, connection: Connection, head: Head, body: bytes) -> None:
        """Count an answer."""

    def leave(self, connection: Connection, error: Exception | None) -> None:
        """Count a connection that ended."""


class Connection(asyncio.Protocol):
    """One connection: a request at a time, the answer found by its head, which is the same for a second.

    `heads` are those that were read already; all connections share them.
    """

    __slots__ = ("begun", "buffer", "case", "due", "heads", "owner", "transport")

    def __init__(self, owner: Owner, heads: dict[bytes, Head]) -> None:
        self.owner = owner
        self.heads = heads
        self.transport: Any = None
        self.buffer = b""
        self.case = -1
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what waits."""
        self.transport = transport
        self.owner.welcome(self)

    def data_received(self, data: bytes) -> None:
        """Take the answer."""
        if self.buffer:
            data = self.buffer + data
        end = data.find(END) + len(END)
        head = self.heads.get(data[:end]) if end >= len(END) else None
        if head is None:
            if end < len(END):
                self.buffer = data
                return
            head = self._learn(data[:end])
        if len(data) < end + head.length:
            self.buffer = data
            return
        self.buffer = b""
        if head.last:
            self.transport.close()
        self.owner.take(self, head, data[end : end + head.length])

    def _learn(self, raw: bytes) -> Head:
        if len(self.heads) > _KNOWN:
            self.heads.clear()
        self.heads[raw] = head = read_head(raw)
        return head

    def connection_lost(self, exc: Exception | None) -> None:
        """Count what it takes along."""
        self.owner.leave(self, exc)


def read_head(raw: bytes) -> Head:
    """Read the head of an answer."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip().lower() for name, _, value in (line.partition(":") for line in lines)}
    return Head(first.split(" ", 2)[1], int(headers.get("content-length", "0")), headers.get("connection") == "close",
                headers.get("x-nbdeploy-version"))
