"""The supervisor's side of the keeper: what is to outlive it, and what an earlier one left when it was killed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_deploy.targets.local.control import encode
from jupyter_deploy.targets.local.keeper import Kept
from jupyter_deploy.targets.local.spawning import spawn

_ANSWER_SECONDS = 1.0
_PAUSE = 1.0
"""A keeper that ended so soon is replaced after so many seconds."""


class Keeping:
    """The supervisor's side of the keeper.

    Parameters
    ----------
    channel
        The connection to the keeper's process; None: nothing is kept.
    kept
        What an earlier supervisor had in keeping.
    command
        Starts another keeper, with a descriptor of its end of the channel as last argument.

    """

    def __init__(self, channel: socket.socket | None = None, kept: Mapping[str, Kept] | None = None,
                 command: Sequence[str] = ()) -> None:
        self._channel = channel
        self._command = command
        self._kept = dict(kept or {})
        self._inherited = set(self._kept)
        self._began = time.monotonic()
        self._watch()

    @property
    def inherited(self) -> list[str]:
        """The keys of what an earlier supervisor had in keeping, and nobody has taken."""
        return sorted(self._inherited)

    def take(self, key: str) -> Kept | None:
        """Give what an earlier supervisor had in keeping under a key, to the first who asks."""
        if key not in self._inherited:
            return None
        self._inherited.remove(key)
        return self._kept[key]

    def keep(self, key: str, sock: socket.socket | None, **facts: Any) -> None:
        """Let a socket outlive this process, with what the next one needs to know of it; or that alone."""
        self._kept[key] = Kept(sock, facts)
        self._hand_over(key)

    def drop(self, key: str) -> None:
        """Keep a socket no longer: when this returns, the keeper has closed its copy."""
        self._inherited.discard(key)
        if self._kept.pop(key, None) is not None:
            self._request({"op": "drop", "key": key})

    def end(self) -> None:
        """Let the keeper end: so does this supervisor, by itself."""
        self._request({"op": "end"})
        self._leave()

    def _hand_over(self, key: str) -> None:
        kept = self._kept[key]
        descriptors = () if kept.socket is None else (kept.socket.fileno(),)
        self._request({"op": "keep", "key": key, "facts": kept.facts}, *descriptors)

    def _request(self, message: dict[str, Any], *descriptors: int) -> None:
        """Ask, and wait until it is done, which takes microseconds; a keeper that is gone hears of it from the next."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.settimeout(_ANSWER_SECONDS)
                line = encode(message)
                sent = socket.send_fds(self._channel, [line], descriptors)
                self._channel.sendall(line[sent:])
                self._channel.recv(1)

    def _watch(self) -> None:
        if self._channel is not None:
            asyncio.get_running_loop().add_reader(self._channel, self._hear)

    def _leave(self) -> None:
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            if self._channel is None or self._channel.recv(1):
                return  # an answer that came late
        self._leave()
        asyncio.get_running_loop().call_later(max(0.0, self._began + _PAUSE - time.monotonic()), self._replace)

    def _replace(self) -> None:
        """Start another keeper, and hand everything over to it."""
        self._began = time.monotonic()
        self._channel, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):
            spawn([*self._command, str(theirs.fileno())], [theirs.fileno()])
        self._watch()
        for key in self._kept:
            self._hand_over(key)
