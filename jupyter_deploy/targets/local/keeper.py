"""The keeper: a small process that holds what must outlive a supervisor, and starts another one when it was killed.

It holds the sockets that callers connect to and the supervisor's ends of its workers' channels. While they are open
callers wait instead of being refused, and workers go on serving. It knows nothing of what they are for, so that there
is little in it that can fail; the supervisor, for its part, starts another keeper when that one was killed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

KEEPER = "supervisor.keeper"
"""In the data folder: locked by the keeper as long as it lives."""
_SHORT_LIFE = 1.0
"""A supervisor that ended within so many seconds is started again later and later."""
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Kept:
    """A socket, if there is one, and what the supervisor needs to know of it."""

    socket: socket.socket | None
    facts: dict[str, Any] = field(default_factory=dict)


def hold(channel: socket.socket, kept: dict[str, Kept]) -> bool:
    """Do what a supervisor asks until it ends; tells whether it ended without a word."""
    while (request := _receive(channel)) is not None:
        message, descriptors = request
        if message["op"] == "end":
            return False
        former = kept.pop(message["key"], None)
        if former is not None and former.socket is not None:
            former.socket.close()
        if message["op"] == "keep":
            kept[message["key"]] = Kept(socket.socket(fileno=descriptors[0]) if descriptors else None, message["facts"])
        with contextlib.suppress(OSError):
            channel.send(b".")
    return True


def _receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Wait for a request, which is one line, and the descriptor that comes with it; None at the end."""
    line, descriptors = b"", []
    while not line.endswith(b"\n"):
        try:
            data, more, _, _ = socket.recv_fds(channel, 65536, 1)
        except ConnectionResetError:
            return None
        if not data:
            return None
        line += data
        descriptors += more
    return json.loads(line), descriptors


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    data: Path
    runtime: Path
    idle: float
    ready: int | None
    """A descriptor for `ready`, or for why not; it is closed then."""
    keep: int | None
    """The channel of a supervisor that lost its keeper."""

    @property
    def command(self) -> list[str]:
        """Start a keeper with `--keep` and a descriptor."""
        return [sys.executable, "-I", "-S", str(Path(__file__).parent), "--data", str(self.data),
                "--runtime", str(self.runtime), "--idle", str(self.idle), "--keep"]


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser("nbdeploy supervisor")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("--ready", type=int)
    parser.add_argument("--keep", type=int)
    return Options(**vars(parser.parse_args(arguments)))


Serve = Callable[[Options, socket.socket, dict[str, Kept]], None]
"""What a supervisor does, from its start to its end."""


def keep(options: Options, serve: Serve) -> None:
    """Start a supervisor, detached from whoever called, and another one whenever it was killed and held something."""
    if options.keep is None and os.fork():
        # The caller waits for this process: the supervisor is nobody's child.
        os._exit(0)
    lock = os.open(options.data / KEEPER, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    kept: dict[str, Kept] = {}
    channel, child = (None if options.keep is None else socket.socket(fileno=options.keep)), None
    pause = 0.0
    while True:
        began = time.monotonic()
        if channel is None:
            channel, child = _start(options, serve, lock, kept)
        if options.ready is not None:
            os.close(options.ready)
            options = replace(options, ready=None)
        killed = hold(channel, kept)
        channel.close()
        channel = None
        if not killed or not kept:
            return
        if child is not None:
            os.waitpid(child, 0)
        pause = 0.0 if time.monotonic() - began > _SHORT_LIFE else min(2 * pause + 0.1, _LONGEST_PAUSE)
        time.sleep(pause)


def _start(options: Options, serve: Serve, lock: int, kept: dict[str, Kept]) -> tuple[socket.socket, int]:
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        os.close(lock)
        ours.close()
        serve(options, theirs, kept)
        sys.exit(0)
    theirs.close()
    return ours, child
