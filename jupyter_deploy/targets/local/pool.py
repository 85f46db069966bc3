"""The workers of one version: started together, watched, replaced, drained."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from jupyter_deploy.errors import ServiceError
from jupyter_deploy.metrics import fold_metrics
from jupyter_deploy.targets.local.children import Children
from jupyter_deploy.targets.local.elastic import Elastic
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.memory import find_grown
from jupyter_deploy.targets.local.parents import Nursery
from jupyter_deploy.targets.local.spec import Spec
from jupyter_deploy.targets.local.workers import Worker, wait_first

HUNG_SECONDS = 5.0
"""A worker whose event loop said nothing for this long is replaced; for so much longer if it is in a call."""
QUICK_SECONDS = 10.0
"""A worker that dies younger than this died quickly."""
QUICK_DEATHS = 5
"""So many, with no worker in between that lived longer, and no sleep, are given up on."""
_FIRST_DELAY = 0.1
STUCK_SECONDS = 20.0
"""How long a worker with a stuck call serves the connections that it has."""

Report = Callable[[str, str], None]
"""Takes the kind and the text of an event."""


class Pool:
    """The workers of one version, sharing one listening socket.

    Parameters
    ----------
    report
        Told what happens to the workers.
    on_failed
        Told the reason when the workers die so quickly that no more are started.

    """

    def __init__(self, spec: Spec, listener: Listener, children: Children, report: Report,
                 on_failed: Callable[[str], None]) -> None:
        self.spec = spec
        self.listener = listener
        self.workers: list[Worker] = []
        self.live = False
        self.apart = False
        """Its workers do not accept callers: those of another version send them requests."""
        self.route: dict[str, Any] = {"op": "route"}
        """Where its workers send a part of their requests."""
        self._started = False
        self._report = report
        self.on_failed = on_failed
        self._quick_deaths = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.nursery = Nursery(spec, listener, children, self, lambda text: self.tell("parent-died", text))
        self._elastic = Elastic(self, spec.scale, spec.scale.first)

    async def start(self) -> int:
        """Start all workers and wait until they are ready; gives the private port of the first.

        Raises
        ------
        ServiceError
            When one of them does not get ready; then none is left.

        """
        self._started = True
        try:
            first, *_ = await asyncio.gather(*(self._start_worker() for _ in range(self.spec.scale.first)))
        except BaseException:
            await self.kill()
            raise
        return first.ready.result()

    async def _start_worker(self) -> Worker:
        worker = await self.nursery.start()
        self.workers.append(worker)
        worker.ended.add_done_callback(lambda _: self._take_away(worker))
        await wait_first(worker.ready, worker.ended)
        if not worker.ready.done():
            raise worker.failure()
        return worker

    async def accept(self, most: int) -> None:
        """Let all workers accept callers, and wait until they do; one without workers, never started, sleeps.

        Parameters
        ----------
        most
            How many workers there may come to be.

        Raises
        ------
        ServiceError
            When a worker has died.

        """
        self._elastic.go_live(most)
        if not self._started:
            self.listener.listen()
            self._elastic.sleep()
            self.live = True
            return
        if not self.complete:
            raise ServiceError(f"a worker of version {self.spec.version} died after it was ready",
                               where=self.spec.name, advice="its log says why; then deploy again")
        self.listener.listen()
        self.apart = False
        await asyncio.gather(*(self._accept_worker(worker) for worker in self._staying))
        self.live = True

    @property
    def _staying(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.draining]

    @property
    def complete(self) -> bool:
        """Whether as many workers are there as should start."""
        return len(self._staying) >= self.spec.scale.first

    def rest(self) -> None:
        """Let the workers accept no more, and keep them for `accept`; those that end are not replaced."""
        self._stop_watching()
        for worker in self.workers:
            if worker.draining:
                self.begin(worker.drain(STUCK_SECONDS))
            else:
                worker.rest()

    def serve_apart(self) -> None:
        """Keep the workers running, and let those of another version send them requests."""
        self.live = self.apart = True
        for worker in self.workers:
            worker.serve_apart()

    def tell_route(self, route: dict[str, Any]) -> None:
        """Tell all workers where a part of their requests goes, and those that come later before they accept."""
        self.route = route
        for worker in self.workers:
            worker.tell(route)

    async def _accept_worker(self, worker: Worker) -> None:
        if self.apart:
            worker.serve_apart()
            return
        worker.tell(self.route)
        await wait_first(worker.accept(), worker.ended)
        if not worker.accepting.done():
            raise worker.failure()

    async def drain(self, grace: float) -> None:
        """Let the workers finish what they accepted, and see them gone; `grace` as for `Worker.drain`."""
        self._stop_watching()
        await asyncio.gather(self.nursery.end(), *(worker.drain(grace) for worker in self.workers))

    async def kill(self) -> None:
        """End the workers now."""
        self._stop_watching()
        await asyncio.gather(self.nursery.end(), *(worker.kill() for worker in self.workers))

    def _stop_watching(self) -> None:
        self.live = False
        self._elastic.end()
        for task in self._tasks:
            task.cancel()

    @property
    def accepting(self) -> int:
        """How many workers take callers now."""
        return sum(worker.accepting.done() and not worker.draining for worker in self.workers)

    @property
    def wanted(self) -> int:
        """How many workers there should be now."""
        return 0 if self.asleep else max(self.spec.scale.first, self.accepting)

    @property
    def asleep(self) -> bool:
        """Whether it has no workers because nobody calls."""
        return self._elastic.asleep

    def check(self, now: float) -> None:
        """Have as many workers as are needed, and end those that hang; they are replaced as those that die are."""
        for grown, text, beyond in find_grown(self.workers, self.spec.limits.memory if self.live else None):
            self._replace_grown(grown, text, beyond=beyond)
        if self.asleep or any(worker.accepting.done() and now - worker.accepted_at >= QUICK_SECONDS
                              for worker in self.workers):
            self._quick_deaths = 0
        if self.live and not self.apart:
            self._elastic.check(now)
        for worker in self.workers:
            worker.check_lost()
            silent = now - worker.heard
            if not worker.ready.done() or silent <= HUNG_SECONDS:
                continue
            if silent > HUNG_SECONDS + self.spec.limits.call_seconds or not worker.busy:
                if not worker.draining:
                    self._report("worker-hung", f"{self._name(worker)} said nothing for {silent:.1f} s; it is ended")
                worker.heard = now
                worker.signal()

    def _take_away(self, worker: Worker) -> None:
        self.workers.remove(worker)
        if worker.serving:
            fold_metrics(worker.metrics_file)
        else:
            # It answered nobody but the proof.
            worker.metrics_file.unlink(missing_ok=True)
        if self.live and worker.serving and not worker.draining:
            died = f"{self._name(worker)} {worker.exit_text}"
            self._report("worker-died", f"{died}; it is replaced")
            quick = time.monotonic() - worker.accepted_at < QUICK_SECONDS
            self._quick_deaths = self._quick_deaths + 1 if quick else 0
            self.begin(self._replace(died))

    def _name(self, worker: Worker) -> str:
        return f"worker {worker.pid} of version {self.spec.version}"

    def stuck(self, worker: Worker, text: str) -> None:
        """Replace a worker with a call that has not returned; it goes on with its others meanwhile."""
        if self.live and not worker.draining:
            self._report("worker-stuck", f"{self._name(worker)}: {text}; it is replaced")
            self.begin(worker.drain(STUCK_SECONDS))
            self.begin(self._replace(text))

    def _replace_grown(self, worker: Worker, text: str, *, beyond: bool) -> None:
        if beyond:
            self._report("worker-grown", f"{self._name(worker)}: {text}; it is ended, with what it was doing")
            worker.signal()
            return
        self._report("worker-grown", f"{self._name(worker)}: {text}; it is replaced")
        quick = time.monotonic() - worker.accepted_at < QUICK_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        self.begin(worker.drain(STUCK_SECONDS))
        self.begin(self._replace(text))

    def strained(self, worker: Worker) -> None:
        """A worker has more to do than it can."""
        if self.live and not self.apart and not worker.draining:
            self._elastic.strained()

    def told(self, message: dict[str, Any]) -> None:
        """Hear what no worker says."""

    def tell(self, kind: str, text: str) -> None:
        """Report an event, when it is live."""
        if self.live:
            self._report(kind, text)

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Do something in the background, as long as it is live."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, reason: str) -> None:
        """Put a new worker in place of one."""
        await self._bring("worker-replaced", None, reason)

    async def add(self, kind: str, why: str) -> None:
        """Start a worker and let it accept; `kind` is the event that tells of it."""
        await self._bring(kind, why, why)

    async def _bring(self, kind: str, why: str | None, reason: str) -> None:
        """Start a worker, the later the more have died quickly; in the end give up."""
        began = time.monotonic()
        while self._quick_deaths < QUICK_DEATHS:
            if self._quick_deaths > 1:
                await asyncio.sleep(_FIRST_DELAY * 2.0 ** (self._quick_deaths - 2))
            try:
                worker = await self._start_worker()
                await self._accept_worker(worker)
            except ServiceError as error:
                self._quick_deaths += 1
                reason = error.message
            else:
                origin = ", forked" if worker.forked else ""
                self.tell(kind, f"{f'{why}; ' if why else ''}worker {worker.pid} accepts after "
                                f"{time.monotonic() - began:.3f} s{origin}")
                return
        self.on_failed(f"{QUICK_DEATHS} workers failed one after the other, the last: {reason}")
