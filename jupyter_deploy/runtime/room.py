"""Room for connections: how many a process can hold, and what one too many is told.

The supervisor uses it as well, which has nothing but Python's own modules: this one imports no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import cast

BACKLOG = 4096
MOST = 65536
"""Open files that a worker asks the system for."""
_FULL = (b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
         b"connection: close\r\ncontent-length: 85\r\n\r\n"
         b'{"error": {"type": "overloaded", "message": "too many connections are open already"}}')


def raise_limit() -> int:
    """Let this process have as many open files as the system allows, and give how many connections that is good for.

    With none left over, nothing else could be opened, and the system would drop callers without a word.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    most = MOST if soft == resource.RLIM_INFINITY else soft
    return most - min(256, most // 4)


class Full(asyncio.Protocol):
    """A connection for which there is no room: what it asks is answered with 503, and it ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request: closed before it is read, a connection takes its answer with it."""
        self._transport = cast("asyncio.Transport", transport)
        self._closing = asyncio.get_running_loop().call_later(1.0, transport.close)

    def data_received(self, _data: bytes) -> None:
        """Refuse."""
        self._transport.write(_FULL)
        self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """End."""
        self._closing.cancel()
