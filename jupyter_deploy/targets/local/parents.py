"""Where workers come from: a warm parent that forks them, where that is safe, else a process of their own."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from jupyter_deploy.targets.local.children import Children
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.spec import Spec
from jupyter_deploy.targets.local.workers import Hear, Worker, wait_first

_FORK_SECONDS = 5.0
"""A parent that has not forked after so long hangs, and is ended."""


class Parent:
    """A process that has loaded a version, and forks its workers.

    Parameters
    ----------
    process
        Said that it is forkable.

    """

    def __init__(self, process: Worker, children: Children) -> None:
        self.process = process
        self._children = children
        self._unborn: deque[tuple[Worker, asyncio.Future[None]]] = deque()
        process.ended.add_done_callback(lambda _: self._give_up("its warm parent has ended"))

    async def fork(self, worker: Worker) -> bool:
        """Let it fork a process for a worker; tells whether there is one."""
        ours, theirs = socket.socketpair()
        born: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with theirs:
            try:
                self.process.send_descriptor({"op": "fork", "metrics_file": str(worker.metrics_file)}, theirs.fileno())
            except OSError:
                ours.close()
                return False
            self._unborn.append((worker, born))
            worker.forked = True
            await worker.connect(ours)
            await asyncio.wait([born], timeout=_FORK_SECONDS)
        if not born.done():
            await self.process.kill()
        return not worker.ended.done()

    def hear(self, message: dict[str, Any]) -> None:
        """Take what it says of the processes that it forks."""
        event = message["event"]
        if event == "exited":
            self._children.tell(message["pid"], message["status"])
        elif event == "forked" and self._unborn:
            worker, born = self._unborn.popleft()
            worker.begin(message["pid"])
            _settle(born)
        elif event == "unborn" and self._unborn:
            worker, born = self._unborn.popleft()
            worker.give_up(f"it could not be forked: {message['error']}")
            _settle(born)

    def _give_up(self, reason: str) -> None:
        while self._unborn:
            worker, born = self._unborn.popleft()
            worker.give_up(reason)
            _settle(born)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Nursery:
    """Starts the workers of one version.

    Only a version whose number of workers changes has a warm parent: its memory is worth the quick start of others.
    """

    def __init__(self, spec: Spec, listener: Listener, children: Children, pool: Hear,
                 on_lost: Callable[[str], None]) -> None:
        self._spec = spec
        self._listener = listener
        self._children = children
        self._pool = pool
        self._on_lost = on_lost
        self._parent: Parent | None = None
        self._loading: Worker | None = None
        self._one_at_a_time = asyncio.Lock()
        self.obstacle = _find_obstacle(spec)
        """Why there is no warm parent; None: there is, or could be."""

    @property
    def pid(self) -> int | None:
        """The warm parent's process."""
        return self._parent.process.pid if self._parent else None

    @property
    def text(self) -> str:
        """How workers start, and why so."""
        return self.manner if self._parent is None else f"{self.manner} (process {self.pid})"

    @property
    def manner(self) -> str:
        """The same, whichever process the warm parent is."""
        if self.obstacle is not None:
            return f"workers start as processes of their own, which takes longer: {self.obstacle}"
        if self._parent is not None:
            return "workers are forked from a warm parent"
        return "the next worker starts as a process of its own, and becomes their warm parent"

    async def start(self) -> Worker:
        """Start a worker; it need not be ready yet, or may have ended already."""
        async with self._one_at_a_time:
            if self._parent is None and self.obstacle is None:
                first = await self._load()
                if not first.forkable.done():
                    self.obstacle = first.obstacle
                    return first
                self._parent = Parent(first, self._children)
                first.ended.add_done_callback(lambda _: self._lose())
        if self._parent is not None:
            worker = self._make()
            if await self._parent.fork(worker):
                return worker
            worker.metrics_file.unlink(missing_ok=True)
        worker = self._make()
        await worker.start(self._listener)
        return worker

    def _make(self) -> Worker:
        return Worker(self._spec, self._children, self._pool)

    async def _load(self) -> Worker:
        """Start a process that becomes the warm parent, or the first worker."""
        first = self._loading = Worker(self._spec, self._children, _Ears(self))
        try:
            await first.start(self._listener, forkable=True)
            await wait_first(first.forkable, first.ready, first.ended)
        except BaseException:
            await first.kill()
            raise
        finally:
            self._loading = None
        return first

    def hear(self, message: dict[str, Any]) -> None:
        """Take what the warm parent says."""
        if self._parent is not None:
            self._parent.hear(message)

    @property
    def pool(self) -> Hear:
        """Who hears of the workers."""
        return self._pool

    def _lose(self) -> None:
        lost, self._parent = self._parent, None
        if lost is not None and not lost.process.draining:
            self._on_lost(f"process {lost.process.pid} {lost.process.exit_text}; the next worker loads everything anew")

    async def end(self) -> None:
        """End the warm parent; its workers go on."""
        for process in (self._loading, self._parent.process if self._parent else None):
            if process is not None:
                await process.kill()


class _Ears:
    """Hears a process of which it is not known yet whether it is a worker or a parent."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery

    def stuck(self, worker: Worker, text: str) -> None:
        """A worker's call outran its time."""
        self._nursery.pool.stuck(worker, text)

    def strained(self, worker: Worker) -> None:
        """A worker has more to do than it can."""
        self._nursery.pool.strained(worker)

    def told(self, message: dict[str, Any]) -> None:
        """A parent speaks of its children."""
        self._nursery.hear(message)


def _find_obstacle(spec: Spec) -> str | None:
    if not spec.scale.several:
        return "there is only one"
    if not (spec.bundle / "runtime" / "forking.py").exists():
        return "the version was packaged by an earlier release of nbdeploy"
    return None
