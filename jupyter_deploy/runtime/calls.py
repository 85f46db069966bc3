"""Calling entries: in the event loop when they are quick, in a thread when they are not, and never for too long."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from .decode import InvalidInput
from .entries import Place, ServedEntry, Service, place_error, place_stack
from .lines import Line, Room
from .logs import log
from .messages import Answer, Request
from .refusals import Refusal, gave_way, outwaited
from .terms import Terms, is_overdue

INSTANT = 0.0005
"""Seconds: an entry that takes less on average is called as soon as its request is read."""
QUICK = 0.005
"""Seconds: an entry that takes less on average is called in the event loop, where a thread's hand-over is saved."""
FEW, MOST = 2, 32
"""Threads for entries that all hold the interpreter, and for such as wait: of the first, more would only keep it from
the event loop for longer, but with one, a call that hangs would hold up all others."""
SMALL = 1 << 16
"""Bytes: a larger body is decoded in a thread, whatever the entry."""

Result = TypeVar("Result")


class OnStuck(Protocol):
    """What to do about a call that outran the time-out; `fatal` when nothing else can be answered any more."""

    def __call__(self, entry: str, seconds: float, cell: str | None, *, fatal: bool) -> None:
        """Act on it, in the watchdog's thread."""


@dataclass
class Job(Generic[Result]):
    """Work for a thread: one call of an entry, or a batch of them."""

    entry: ServedEntry
    run: Callable[[], Result]
    refuse: Callable[[Refusal], Result]
    """Gives the result when it is not run, or runs for too long."""
    future: asyncio.Future[Result]
    submitted: float
    terms: Terms | None = None
    client: str | None = None
    started: float = 0.0
    reported: bool = False


class Caller:
    """Runs predictions and watches over them.

    Parameters
    ----------
    timeout
        Seconds a call may take.

    """

    def __init__(self, service: Service, *, timeout: float, on_stuck: OnStuck) -> None:
        self._service = service
        self._stateful = service.stateful
        self._timeout = timeout
        self._on_stuck = on_stuck
        self._threads = 1 if service.stateful else min(MOST, (os.cpu_count() or 1) + 4)
        self._pool = ThreadPoolExecutor(self._threads, "call", self._service.begin_thread)
        self._line: Line[Job[Any]] = Line()
        self._lock = threading.Lock()
        """Held by whoever changes the line: the event loop, or a thread that takes its next job."""
        self._seconds = 0.0
        """The running mean of a job's duration."""
        self.rooms: list[Room] = [self]
        """Wherever requests wait."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._running: dict[int, Job[Any]] = {}
        self._latest: ServedEntry | None = None
        self._beat = perf_counter()

    def start_watching(self) -> None:
        """Start the watchdog."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def fit(self, entries: Iterable[ServedEntry]) -> None:
        """Have as many threads as suit these entries from now on; to be called while none is in a call."""
        grips = {entry.finding.grip for entry in entries if not entry.is_async and entry.seconds >= INSTANT}
        if not self._stateful and ("waits" in grips or grips == {"holds"}):
            self._threads = MOST if "waits" in grips else FEW
            self._pool.shutdown(wait=False)
            self._pool = ThreadPoolExecutor(self._threads, "call", self._service.begin_thread)

    def beat(self) -> None:
        """Tell the watchdog that the event loop turns; to be called once a second."""
        self._beat = perf_counter()

    @property
    def running_calls(self) -> int:
        """How many threads are in a call."""
        return len(self._running)

    @property
    def full(self) -> bool:
        """Whether every thread is in a call."""
        return len(self._running) >= self._threads

    def close(self) -> None:
        """End the threads; one that is in a call is not waited for."""
        self._pool.shutdown(wait=not self._running)

    @property
    def hanging(self) -> bool:
        """Whether a thread is in a call that outran the time-out."""
        return any(job.reported for job in self._running.values())

    @property
    def loop_hangs(self) -> bool:
        """Whether the event loop has not turned for longer than a call may take."""
        return perf_counter() - self._beat > self._timeout + 1

    def is_quick(self, entry: ServedEntry, request: Request) -> bool:
        """Tell whether a call is to run at once, by `call`."""
        return (entry.seconds < INSTANT and len(request.body) < SMALL and not entry.is_async and not self._stateful)

    def takes_turns(self, entry: ServedEntry, request: Request) -> bool:
        """Tell whether a call is to run in the event loop, in its turn, or elsewhere, by `call_later`."""
        return self.is_short(entry) and len(request.body) < SMALL

    def is_short(self, entry: ServedEntry) -> bool:
        """Tell whether an entry's calls may run in the event loop: not if it only waits, as others could go on."""
        return entry.seconds < QUICK and entry.finding.grip != "waits" and not entry.is_async and not self._stateful

    def call(self, request: Request) -> Answer:
        """Answer a request by calling its entry, here in the event loop and now."""
        self._latest = request.route.entry
        return self.answer(request)

    def call_together(self, entry: ServedEntry, run: Callable[[], Result]) -> Result:
        """Run a batch of an entry's calls, here in the event loop and now."""
        self._latest = entry
        return run()

    def answer(self, request: Request) -> Answer:
        """Answer a request by calling its entry in this thread, whichever it is; raises nothing."""
        prediction = request.route
        entry = prediction.entry
        try:
            arguments = prediction.decode(request)
            started = perf_counter()
            result = entry.call(arguments)
            entry.took(perf_counter() - started)
            return prediction.encode(request, result)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the service's code raises is its failure
            return self.refuse(request, error)

    def call_later(self, request: Request) -> Awaitable[Answer]:
        """Answer a request by calling its entry in a thread, for which it is in line now, or by awaiting it."""
        prediction = request.route
        if prediction.entry.is_async:
            return self._await(request)
        run = partial(self._answer_queued, request, perf_counter())
        return self.submit(prediction.entry, run, prediction.refuse, request)

    def _answer_queued(self, request: Request, submitted: float) -> Answer:
        request.route.entry.meter.queued(perf_counter() - submitted)
        return self.answer(request)

    def submit(
        self, entry: ServedEntry, run: Callable[[], Result], refuse: Callable[[Refusal], Result],
        request: Request | None = None,
    ) -> asyncio.Future[Result]:
        """Run something in a thread, under the time-out: when its turn comes by the terms of `request`."""
        job = Job(entry, run, refuse, self._loop.create_future(), perf_counter())
        if request is not None:
            job.submitted, job.terms, job.client = request.started or job.submitted, request.terms, request.client
        with self._lock:
            self._line.add(job)
        self._pool.submit(self._work)
        return job.future

    def expect(self, priority: int) -> float:
        """Estimate the seconds that a newcomer would wait for a thread."""
        with self._lock:
            ahead = self._line.ahead(priority)
        free = self._threads - len(self._running)
        return 0.0 if ahead < free else (ahead + 1 - max(0, free)) * self._seconds / self._threads

    def give_way(self, newcomer: Request) -> bool:
        """Refuse one who waits for a thread with less right than a newcomer; False when there is none."""
        with self._lock:
            job = self._line.give_way(newcomer)
        if job is not None:
            _settle(job.future, job.refuse(gave_way()))
        return job is not None

    async def _await(self, request: Request) -> Answer:
        prediction = request.route
        entry = self._latest = prediction.entry
        try:
            arguments = prediction.decode(request)
            started = perf_counter()
            result = await self._finish(entry, asyncio.ensure_future(entry.call_async(arguments)))
            entry.took(perf_counter() - started)
            return prediction.encode(request, result)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the service's code raises is its failure
            return self.refuse(request, error)

    async def _finish(self, entry: ServedEntry, task: asyncio.Future[Any]) -> Any:
        done, _ = await asyncio.wait({task}, timeout=self._timeout)
        if not done:
            task.cancel()
            raise self._refuse_overdue(entry)
        return task.result()

    def _work(self) -> None:
        with self._lock:
            job = self._line.take()
        if job is None:
            return  # the one whose turn it was gave way
        job.started = perf_counter()
        waited = job.started - job.submitted
        if waited > self._timeout or is_overdue(job.terms, job.submitted):
            result = job.refuse(outwaited(waited))
        else:
            self._running[threading.get_ident()] = job
            result = job.run()
            del self._running[threading.get_ident()]
            self._seconds += (perf_counter() - job.started - self._seconds) / 8
        self._loop.call_soon_threadsafe(_settle, job.future, result)

    def refuse(self, request: Request, error: BaseException) -> Answer:
        """Answer a prediction that raised."""
        prediction = request.route
        return prediction.refuse(self._refuse(prediction.entry, error))

    def _refuse(self, entry: ServedEntry, error: BaseException) -> Refusal:
        if isinstance(error, Refusal):
            return error
        if isinstance(error, InvalidInput):
            return Refusal(422, "invalid_input", str(error), field=error.field, expected=error.expected,
                           found=error.found)
        error_id = uuid.uuid4().hex[:12]
        place = place_error(error, self._service.bundle, self._service.manifest)
        log(logging.ERROR, f"the entry {entry.name} failed: {type(error).__name__}: {error}", error=error,
            error_id=error_id, entry=entry.name, where=place.where, cell=place.cell)
        message = f"the entry {entry.name} failed; the log has the details under this id"
        return Refusal(500, "entry_failed", message, id=error_id)

    def _refuse_overdue(self, entry: ServedEntry) -> Refusal:
        return Refusal(504, "timeout", f"the entry {entry.name} did not answer within {self._timeout:g} s")

    def _watch(self) -> None:
        interval = min(1.0, self._timeout / 4)
        pause, before = threading.Event(), perf_counter()
        while True:
            pause.wait(interval)
            now = perf_counter()
            # A process that was itself suspended has no stuck calls.
            if now - before < self._timeout:
                self._look(now)
            before = now

    def _look(self, now: float) -> None:
        for thread, job in list(self._running.items()):
            if now - job.started > self._timeout and not job.reported:
                job.reported = True
                self._loop.call_soon_threadsafe(_settle, job.future, job.refuse(self._refuse_overdue(job.entry)))
                reported = sum(one.reported for one in list(self._running.values()))
                self._report(job.entry, thread, now - job.started, fatal=reported == self._threads)
        if now - self._beat > self._timeout + 1 and self._latest is not None:
            self._report(self._latest, self._loop_thread, now - self._beat, fatal=True)
            self._beat = now

    def _report(self, entry: ServedEntry, thread: int, seconds: float, *, fatal: bool) -> None:
        frame: Any = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way to another thread's stack
        place = Place() if frame is None else place_stack(frame, self._service.bundle, self._service.manifest)
        log(logging.ERROR, f"a call of the entry {entry.name} has not returned for {seconds:.0f} s", entry=entry.name,
            where=place.where, cell=place.cell, stack="".join(traceback.format_stack(frame)))
        self._on_stuck(entry.name, seconds, place.cell, fatal=fatal)


def _settle(future: asyncio.Future[Result], result: Result) -> None:
    """Finish a job's future, unless the watchdog or the job itself was first."""
    if not future.done():
        future.set_result(result)
