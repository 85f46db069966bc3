"""A pool that grows and shrinks with its callers, sleeps without them, and wakes for the first one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Protocol

from jupyter_deploy.targets.local.demand import Demand, Load
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.parents import Nursery
from jupyter_deploy.targets.local.scaling import Scale, count_threads
from jupyter_deploy.targets.local.workers import Worker

LINGER_SECONDS = 80.0
"""A worker that is not needed any more serves its callers' open connections for as long as idle ones are kept."""
PARENT_IDLES = 3
"""The warm parent of a version that sleeps goes when it has slept for so many times the idle time."""
_PAUSE = 0.3
"""Seconds after a growth in which its effect is awaited."""


class Grower(Protocol):
    """What is asked of a pool."""

    workers: list[Worker]
    nursery: Nursery
    listener: Listener

    def tell(self, kind: str, text: str) -> None:
        """Report an event."""

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Do something in the background, as long as the pool is live."""

    async def add(self, kind: str, why: str) -> None:
        """Start a worker and let it accept; `kind` is the event that tells of it."""


class Watch:
    """Waits for a caller without accepting: the connection stays in the kernel, for a worker."""

    def __init__(self, listener: Listener, on_caller: Callable[[], None]) -> None:
        # A descriptor of its own: another version may watch the same socket.
        self._socket = listener.socket.dup()
        self._on_caller = on_caller
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def _hear(self) -> None:
        self.end()
        self._on_caller()

    def end(self) -> None:
        """Wait no longer."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()


class Elastic:
    """Decides for one pool; does nothing where the number of workers is fixed."""

    def __init__(self, pool: Grower, scale: Scale, most: int) -> None:
        self._pool = pool
        self._scale = scale
        self._demand = Demand(scale.min, most, scale.idle, count_threads(scale))
        self._watch: Watch | None = None
        self._since = time.monotonic()
        """When it last went live, woke, fell asleep or grew."""
        self._growing = False

    @property
    def asleep(self) -> bool:
        """Whether it has no workers because nobody calls."""
        return self._watch is not None

    def go_live(self, most: int) -> None:
        """Begin to count idle time, whatever the workers did before callers came; `most` as for `Pool.accept`."""
        self._demand.most = most
        self._demand.forget()
        self._since = time.monotonic()

    def strained(self) -> None:
        """A worker has more to do than it can: look now."""
        self._look(time.monotonic())

    def check(self, now: float) -> None:
        """Look, as is due once a second."""
        if self._scale.fixed:
            return
        if self.asleep:
            if now - self._since >= PARENT_IDLES * self._scale.idle and self._pool.nursery.pid is not None:
                self._pool.tell("parent-dropped", f"asleep for {now - self._since:.0f} s; the next caller waits until "
                                                  "a process has loaded everything anew")
                self._pool.begin(self._pool.nursery.end())
        else:
            self._look(now)

    def _look(self, now: float) -> None:
        if self._scale.fixed or self._growing or self.asleep or now - self._since < _PAUSE:
            return
        active = [worker for worker in self._pool.workers if worker.accepting.done() and not worker.draining]
        if not active:
            return
        need = self._demand.decide(now, [worker.load for worker in active])
        if need is not None and need.workers > len(active):
            self._growing = True
            self._pool.begin(self._grow(active, need.workers, need.reason))
        elif need is not None:
            self._shrink(active, need.reason)
        elif self._scale.min == 0 and len(active) == 1 and self._is_quiet(active[0].load, now):
            self._fall_asleep(active[0])

    def _is_quiet(self, load: Load, now: float) -> bool:
        return min(load.quiet, now - self._since) >= self._scale.idle

    async def _grow(self, active: list[Worker], wanted: int, reason: str) -> None:
        """Add workers at once, and send them their share of the callers."""
        try:
            missing = wanted - len(active)
            why = f"{len(active)} to {wanted}: {reason}"
            await asyncio.gather(*(self._pool.add("scaled-up", why) for _ in range(missing)))
            for worker in active:
                worker.shed(missing / wanted)
        finally:
            self._growing = False
            self._since = time.monotonic()

    def _shrink(self, active: list[Worker], reason: str) -> None:
        # The youngest of those that have the least to do.
        leaving = min(reversed(active), key=lambda worker: worker.load.in_flight)
        self._pool.tell("scaled-down", f"{len(active)} to {len(active) - 1}: {reason}; worker {leaving.pid} goes")
        self._pool.begin(leaving.drain(LINGER_SECONDS))

    def _fall_asleep(self, last: Worker) -> None:
        self._pool.tell("asleep", f"nobody called for {self._scale.idle:g} s; worker {last.pid} goes, and the next "
                                  "caller wakes another")
        self._pool.begin(last.drain(LINGER_SECONDS))
        self.sleep()

    def sleep(self) -> None:
        """Wait for a caller, without workers."""
        self._since = time.monotonic()
        self._demand.forget()
        self._watch = Watch(self._pool.listener, self._wake)

    def _wake(self) -> None:
        asleep = time.monotonic() - self._since
        self._watch = None
        self._since = time.monotonic()
        self._pool.begin(self._pool.add("woken", f"a caller came after {asleep:.0f} s"))

    def end(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.end()
            self._watch = None
