"""The workers of one version: started together, watched, replaced, drained."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from jupyter_deploy.errors import ServiceError
from jupyter_deploy.metrics import fold_metrics
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.spec import Spec
from jupyter_deploy.targets.local.workers import Children, Worker

HUNG_SECONDS = 5.0
"""A worker whose event loop said nothing for this long is replaced; for so much longer if it is in a call."""
QUICK_SECONDS = 10.0
"""A worker that dies younger than this died quickly."""
QUICK_DEATHS = 5
"""So many in a row are given up on."""
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
        self._children = children
        self.workers: list[Worker] = []
        self.live = False
        self.apart = False
        """Its workers do not accept callers: those of another version send them requests."""
        self.route: dict[str, Any] = {"op": "route"}
        """Where its workers send a part of their requests."""
        self._report = report
        self.on_failed = on_failed
        self._quick_deaths = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Start all workers and wait until they are ready; gives the private port of the first.

        Raises
        ------
        ServiceError
            When one of them does not get ready; then none is left.

        """
        try:
            first, *_ = await asyncio.gather(*(self._start_worker() for _ in range(self.spec.scale.first)))
        except BaseException:
            await self.kill()
            raise
        return first.ready.result()

    async def _start_worker(self) -> Worker:
        worker = Worker(self.spec, self._children, self._replace_stuck)
        self.workers.append(worker)
        worker.ended.add_done_callback(lambda _: self._take_away(worker))
        await worker.start(self.listener)
        await _first(worker.ready, worker.ended)
        if not worker.ready.done():
            raise worker.failure()
        return worker

    async def accept(self) -> None:
        """Let all workers accept callers, and wait until they do (`ServiceError` when one has died)."""
        if len(self.workers) < self.spec.scale.first:
            raise ServiceError(f"a worker of version {self.spec.version} died after it was ready",
                               where=self.spec.name, advice="its log says why; then deploy again")
        self.listener.listen()
        self.apart = False
        await asyncio.gather(*(self._accept_worker(worker) for worker in self.workers))
        self.live = True

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
        await _first(worker.accept(), worker.ended)
        if not worker.accepting.done():
            raise worker.failure()

    async def drain(self, grace: float) -> None:
        """Let the workers finish what they accepted, and see them gone; `grace` as for `Worker.drain`."""
        self._stop_watching()
        await asyncio.gather(*(worker.drain(grace) for worker in self.workers))

    async def kill(self) -> None:
        """End the workers now."""
        self._stop_watching()
        await asyncio.gather(*(worker.kill() for worker in self.workers))

    def _stop_watching(self) -> None:
        self.live = False
        for task in self._tasks:
            task.cancel()

    @property
    def accepting(self) -> int:
        """How many workers take callers now."""
        return sum(worker.accepting.done() and not worker.draining for worker in self.workers)

    def check_alive(self, now: float) -> None:
        """End the workers that hang; they are replaced as those that die are."""
        for worker in self.workers:
            silent = now - worker.heard
            if not worker.ready.done() or silent <= HUNG_SECONDS:
                continue
            if silent > HUNG_SECONDS + self.spec.limits.call_seconds or not worker.busy:
                if not worker.draining:
                    self._report("worker-hung", f"worker {worker.pid} said nothing for {silent:.1f} s; it is ended")
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
            self._report("worker-died", f"worker {worker.pid} {worker.exit_text}; it is replaced")
            quick = time.monotonic() - worker.accepted_at < QUICK_SECONDS
            self._quick_deaths = self._quick_deaths + 1 if quick else 0
            self._begin(self._replace(worker.exit_text))

    def _replace_stuck(self, worker: Worker, text: str) -> None:
        if self.live and not worker.draining:
            self._report("worker-stuck", f"worker {worker.pid}: {text}; it is replaced")
            self._begin(worker.drain(STUCK_SECONDS))
            self._begin(self._replace(text))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, reason: str) -> None:
        """Put a new worker in place of one, the later the more have died quickly; in the end give up."""
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
                self._report("worker-replaced", f"worker {worker.pid} accepts after {time.monotonic() - began:.2f} s")
                return
        self.on_failed(reason)


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
