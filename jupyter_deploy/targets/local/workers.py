"""One worker process: how it starts, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import time
from typing import Any, Protocol

from jupyter_deploy.errors import ServiceError
from jupyter_deploy.runtime.metrics import read_metrics, total
from jupyter_deploy.targets.local.channel import Channel
from jupyter_deploy.targets.local.children import Children
from jupyter_deploy.targets.local.demand import Load, read_load
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.logs import read_tail
from jupyter_deploy.targets.local.orphans import drop_worker, keep_worker
from jupyter_deploy.targets.local.spawning import spawn
from jupyter_deploy.targets.local.spec import Spec

_LAST_WORDS_SECONDS = 0.2
_NUMBERS = itertools.count(1)
_LOST = 127
"""The status of a process that was never started, or whose end nobody saw."""


class Hear(Protocol):
    """What a worker's owner hears of it."""

    def stuck(self, worker: Worker, text: str) -> None:
        """A call of it outran its time."""

    def strained(self, worker: Worker) -> None:
        """It has more to do than it can."""

    def told(self, message: dict[str, Any]) -> None:
        """It said something that only a warm parent says."""


class Worker:
    """A process that serves one version, and the channel to it.

    Three futures tell its life: `ready` (its private port), `accepting`, and `ended` (its exit status).
    """

    def __init__(self, spec: Spec, children: Children, hear: Hear) -> None:
        self.spec = spec
        self.metrics_file = spec.metrics / f"{spec.version}-{os.getpid()}-{next(_NUMBERS)}.metrics"
        self.heard = time.monotonic()
        self.accepted_at = self.heard
        self.draining = False
        self.serving = False
        """It answers callers, or may."""
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[int] = loop.create_future()
        self.accepting: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.shadowing: asyncio.Future[int] = loop.create_future()
        """The port on which it takes copies of requests."""
        self.pid = 0
        self.forked = False
        """Whether it is a copy of a warm parent."""
        self.forkable: asyncio.Future[None] = loop.create_future()
        """Done when it is a warm parent itself, and so never ready."""
        self.obstacle: str | None = None
        """Why it could not become one."""
        self.load = Load()
        self.conduct: dict[str, Any] = {}
        """What it found out about the entries."""
        self._reason: str | None = None
        self._place: str | None = None
        self._idle: asyncio.Future[None] | None = None
        self._children = children
        self._hear = hear
        self._status: int | None = None
        self._channel: Channel | None = None
        self._log_start = spec.log.stat().st_size if spec.log.exists() else 0

    async def start(self, listener: Listener, *, forkable: bool = False) -> None:
        """Start the process with the listening socket and its end of the channel.

        With `forkable` it becomes a warm parent, if that is safe; else it is a worker.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                pid = self._spawn(listener, theirs, forkable=forkable)
            except OSError as error:
                ours.close()
                self.give_up(f"the worker cannot be started: {error}")
                return
        self.begin(pid)
        await self.connect(ours)

    def begin(self, pid: int) -> None:
        """Note that the process is there."""
        self.pid = pid
        self._keep(accepting=False)
        self._children.watch(pid, self._exited)
        if self.ended.done():
            self.signal()

    async def connect(self, sock: socket.socket) -> None:
        """Listen to what it says."""
        self._channel = Channel(sock, self._receive, self._lose_channel)
        self._keep(accepting=False)
        await self._channel.open()

    def _keep(self, *, accepting: bool) -> None:
        """Let the channel outlive this process, so that the worker goes on when it is killed."""
        if self.pid and self._channel is not None and self._channel.socket.fileno() >= 0:
            keep_worker(self._children.keeping, self._channel.socket, self.spec, self.pid, self.metrics_file,
                        accepting=accepting)

    def give_up(self, reason: str) -> None:
        """Note that there is no process, and will be none."""
        self._reason = reason
        if not self.ended.done():
            self.ended.set_result(_LOST)
        if self._channel is not None:
            self._channel.close()

    def _spawn(self, listener: Listener, control: socket.socket, *, forkable: bool) -> int:
        with self.spec.log.open("ab") as log:
            return spawn(self.spec.command(listener, control.fileno(), self.metrics_file, forkable=forkable),
                         [listener.socket.fileno(), control.fileno()], log=log,
                         variables=self.spec.worker_variables, folder=self.spec.folder)

    def _lose_channel(self) -> None:
        """Nothing more will be said: the end can be told."""
        drop_worker(self._children.keeping, self.metrics_file)
        self._finish()

    def _receive(self, message: dict[str, Any]) -> None:
        event = message["event"]
        if event != "stuck":
            # That one comes from a thread, also when the event loop hangs.
            self.heard = time.monotonic()
        if event == "alive":
            self._take_load(message)
        elif event == "ready" and not self.ready.done():
            self.conduct = message.get("conduct", {})
            self.ready.set_result(int(message["port"]))
        elif event == "accepting" and not self.accepting.done():
            self.accepted_at = self.heard
            self.serving = True
            self._keep(accepting=True)
            self.accepting.set_result(None)
        elif event == "shadowing" and not self.shadowing.done():
            self.shadowing.set_result(int(message["port"]))
        elif event == "failed":
            self._reason = str(message["error"])
            self._place = message.get("cell") or message.get("where")
        elif event == "stuck":
            place = message.get("cell") or message.get("entry")
            self._hear.stuck(self, f"a call has not returned for {message['seconds']:.1f} s ({place})")
        elif event == "forkable" and not self.forkable.done():
            self.forkable.set_result(None)
        elif event == "unforkable":
            self.obstacle = str(message["reason"])
        else:
            self._hear.told(message)

    def _take_load(self, message: dict[str, Any]) -> None:
        self.load = read_load(message)
        if message["in_flight"] == 0 and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
        if self.load.strained:
            self._hear.strained(self)

    def accept(self) -> asyncio.Future[None]:
        """Tell it to accept connections; the future is done when it does."""
        self.tell({"op": "accept"})
        return self.accepting

    def rest(self) -> None:
        """Let it accept no more until it is told to again; what it has is answered."""
        self.tell({"op": "rest"})
        self._keep(accepting=False)
        self.accepting = asyncio.get_running_loop().create_future()

    def serve_apart(self) -> None:
        """Take it for one that serves, though callers come only by way of other workers."""
        self.serving = True
        self.accepted_at = time.monotonic()

    async def drain(self, grace: float) -> None:
        """Let it finish the calls that it accepted, and see it gone.

        For `grace` seconds its callers' idle connections stay open, so that what they send next is answered;
        then it ends as soon as it says that it has nothing to do, or when every call has outrun its time.
        """
        self.draining = True
        if self.serving:
            longest = self.spec.limits.call_seconds + 1
            self.tell({"op": "drain", "seconds": grace + longest})
            await asyncio.wait([self.ended], timeout=grace)
            self._idle = asyncio.get_running_loop().create_future()
            until: list[asyncio.Future[Any]] = [self.ended, self._idle]
            await asyncio.wait(until, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
        await self.kill()

    @property
    def busy(self) -> bool:
        """Whether it has requests in progress, as its metrics file says: also true of one that does not answer."""
        try:
            return total(read_metrics(self.metrics_file), "nbdeploy_requests_in_progress") > 0
        except OSError:
            return False

    async def kill(self) -> None:
        """End it now, with whatever it started, and see it gone."""
        self.draining = True
        if not self.pid:
            self.give_up("it was no longer needed")
        self.signal()
        await asyncio.wait([self.ended])

    def signal(self) -> None:
        """End it now; whoever watches it sees it die."""
        if self.pid:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                # It has only just been forked, and is not the first of its group yet.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            except PermissionError:
                pass

    def check_lost(self) -> None:
        """Note the end of a forked process that its parent took with it to its own end."""
        if self.forked and not self._is_heard and self._status is None and self.pid:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self._children.tell(self.pid, _LOST)

    def _exited(self, status: int) -> None:
        self._status = status
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._is_heard:
            # Its last words may still be in the channel, which a grandchild could hold open.
            asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        if self._status is None or self.ended.done():
            return
        if self._channel is not None:
            self._channel.close()
        self.ended.set_result(self._status)

    @property
    def _is_heard(self) -> bool:
        return self._channel is not None and self._channel.is_open

    def send_descriptor(self, message: dict[str, Any], descriptor: int) -> None:
        """Send an operation together with an open file (raises `OSError` when it does not listen)."""
        if self._channel is None:
            raise BrokenPipeError("its channel has ended")
        self._channel.send_descriptor(message, descriptor)

    def shed(self, share: float) -> None:
        """Let a share of its callers connect anew, to another worker perhaps."""
        self.tell({"op": "shed", "share": share})

    def tell(self, message: dict[str, Any]) -> None:
        """Send it an operation; one that has ended hears nothing."""
        if self._channel is not None:
            self._channel.tell(message)

    @property
    def exit_text(self) -> str:
        """How it ended."""
        status = self.ended.result()
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def failure(self) -> ServiceError:
        """Say why it ended too early, with the end of its log."""
        reason = self._reason or f"the worker {self.exit_text} before it was ready"
        advice = "fix that cell, or what it needs outside the notebook, and deploy again" if self._place else (
            "a clean process runs the imports, the values and the cells tagged deploy:setup: one of them ended it")
        tail = read_tail(self.spec.log, self._log_start)
        return ServiceError(reason, where=self._place,
                            advice="\n    ".join([f"{advice}; the worker's log ends with:", *tail]) if tail else advice)


async def wait_first(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of them is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
