"""Processes of a supervisor that was killed: they serve until a version of the next one does, and then finish."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path

from jupyter_deploy.metrics import fold_metrics
from jupyter_deploy.targets.local.control import decode, encode
from jupyter_deploy.targets.local.keeper import Kept
from jupyter_deploy.targets.local.keeping import Keeping
from jupyter_deploy.targets.local.spec import Spec

_PREFIX = "worker "


class Orphan(asyncio.Protocol):
    """A process whose supervisor was killed, and the channel to it, which the keeper held."""

    def __init__(self, key: str, kept: Kept, keeping: Keeping) -> None:
        facts = kept.facts
        self.accepting: bool = facts["accepting"]
        """Whether callers come to it."""
        self.metrics_file = Path(facts["metrics_file"])
        self.pid: int = facts["pid"]
        self._call_seconds: float = facts["call_seconds"]
        self._key = key
        assert kept.socket is not None
        self._channel = kept.socket
        self._keeping = keeping
        self._buffer = b""
        self._listening = False
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._idle: asyncio.Future[None] = loop.create_future()

    async def drain(self, grace: float) -> None:
        """Let it finish what it accepted, and see it gone; `grace` as for `Worker.drain`."""
        longest = self._call_seconds + 1
        transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=self._channel)
        transport.write(encode({"op": "drain", "seconds": grace + longest}))
        await asyncio.wait([self._ended], timeout=grace)
        self._listening = True
        await asyncio.wait([self._ended, self._idle], timeout=longest, return_when=asyncio.FIRST_COMPLETED)
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            await self._ended
        transport.close()
        self._keeping.drop(self._key)
        fold_metrics(self.metrics_file)

    def data_received(self, data: bytes) -> None:
        """Hear, once it has served long enough, that it has nothing to do."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines if self._listening else ():
            # Nobody listened for a while: a line may have been cut.
            with contextlib.suppress(ValueError):
                if decode(line).get("in_flight") == 0 and not self._idle.done():
                    self._idle.set_result(None)

    def eof_received(self) -> None:
        """Note that it has ended."""
        if not self._ended.done():
            self._ended.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        """Note that it has ended."""
        self.eof_received()


class Orphans:
    """Those of one deployment."""

    def __init__(self, processes: Iterable[Orphan] = ()) -> None:
        self._processes = list(processes)
        self._leaving = False

    @property
    def pids(self) -> list[int]:
        """The processes that callers still come to."""
        return [] if self._leaving else [one.pid for one in self._processes if one.accepting]

    @property
    def metrics_files(self) -> list[Path]:
        """The files in which they count."""
        return [one.metrics_file for one in self._processes]

    async def drain(self, grace: float) -> None:
        """Let them finish what they accepted, and see them gone; `grace` as for `Worker.drain`."""
        if not self._leaving:
            self._leaving = True
            await asyncio.gather(*(one.drain(grace) for one in self._processes))
            self._processes.clear()


def find_orphans(keeping: Keeping) -> dict[str, Orphans]:
    """Give the processes of the supervisor before, by deployment, if that was killed."""
    found: dict[str, list[Orphan]] = {}
    for key in keeping.inherited:
        if key.startswith(_PREFIX) and (kept := keeping.take(key)):
            found.setdefault(kept.facts["name"], []).append(Orphan(key, kept, keeping))
    return {name: Orphans(processes) for name, processes in found.items()}


def keep_worker(keeping: Keeping, channel: socket.socket, spec: Spec, pid: int, metrics_file: Path, *,
                accepting: bool) -> None:
    """Let the channel to a worker outlive this process."""
    keeping.keep(f"{_PREFIX}{metrics_file.name}", channel, name=spec.name, pid=pid, metrics_file=str(metrics_file),
                 call_seconds=spec.limits.call_seconds, accepting=accepting)


def drop_worker(keeping: Keeping, metrics_file: Path) -> None:
    """Keep the channel to a worker no longer: it has ended."""
    keeping.drop(f"{_PREFIX}{metrics_file.name}")
