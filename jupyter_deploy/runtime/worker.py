"""A worker's life: load, warm up, serve, drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
import os
import signal
import socket
import sys
from dataclasses import replace
from time import perf_counter
from typing import Any

import uvloop

from .app import App
from .calls import Caller
from .conduct import dump_conduct
from .control import Control
from .counters import Counters
from .devices import hide_gpus
from .entries import Place, Service, load_service, place_error
from .forking import Birth, find_obstacle, list_descriptors, wait_for_births
from .heap import give_back
from .loading import answering_not_ready
from .logs import log, start_logging
from .manifest import Manifest, read_manifest
from .options import Options
from .queues import Queue
from .releases import Releases
from .routes import build_routes
from .server import Server, open_listener
from .strain import LOOK_SECONDS, Strain
from .telemetry import disable_telemetry
from .warming import warm_up

_LOOKS = round(1 / LOOK_SECONDS)


def main(options: Options, begun: float) -> int:
    """Serve until told to stop; gives the exit status.

    Parameters
    ----------
    begun
        When the process began, by `perf_counter`.

    """
    start_logging()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # while it loads there is nothing to drain
    if options.supervised:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = None if options.control_fd is None else Control(options.control_fd)
    manifest: Manifest | None = None
    try:
        with contextlib.ExitStack() as loading:
            listener = None if options.supervised else open_listener(options.host, options.port)
            if listener is not None:
                loading.enter_context(answering_not_ready(listener))
            manifest = read_manifest(options.bundle)
            hide_gpus(manifest)
            disable_telemetry()
            # The first event loop opens what later ones, also those of copies, use again.
            uvloop.new_event_loop().close()
            before = list_descriptors()
            service = load_service(options.bundle, manifest, options.name)
            gc.freeze()  # what is loaded is not looked through while calls are answered, either
            gc.enable()
            give_back()
            warm = False
            if options.forkable and control is not None:
                warm = warm_ahead(service, options)
                birth = become_parent(options, control, before)
                if birth is None:
                    return 0
                begun = birth.begun or begun
                options, control = replace(options, metrics_file=birth.metrics_file), birth.control
            # Not before: what a notebook does to its event loop while it is imported need not suit this one.
            loop = uvloop.new_event_loop()
            asyncio.set_event_loop(loop)
            run_setup(service, loop)
            worker = loop.run_until_complete(prepare(options, service, control, warm=warm))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the service's code raises is the reason to tell
        report_failure(error, options, manifest, control)
        return 1
    loop.run_until_complete(worker.serve(listener, begun))
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    if worker.caller.running_calls:
        os._exit(0)  # a call that is still running in a thread would hold up the interpreter's end
    return 0


def run_setup(service: Service, loop: asyncio.AbstractEventLoop) -> None:
    """Run the service's setup functions, once, in order."""
    for function in service.setup:
        result = function()
        if inspect.iscoroutine(result):
            loop.run_until_complete(result)


def report_failure(
    error: BaseException, options: Options, manifest: Manifest | None, control: Control | None
) -> None:
    """Tell why the worker could not become ready."""
    text = f"{type(error).__name__}: {error}"
    module = error.name if isinstance(error, ModuleNotFoundError) else None
    place = Place() if manifest is None else place_error(error, options.bundle, manifest)
    log(logging.ERROR, f"the service could not be loaded: {text}", error=error, module=module, where=place.where,
        cell=place.cell)
    if control is not None:
        control.send("failed", error=text, module=module, where=place.where, cell=place.cell)


async def prepare(options: Options, service: Service, control: Control | None, *, warm: bool = False) -> Worker:
    """Build the worker inside the event loop and warm the service up, unless it is `warm`."""
    worker = Worker(options, service, control)
    if not warm:
        await warm_up(service, worker.caller, options)
    worker.open_queues()
    worker.counters.clear()
    return worker


def warm_ahead(service: Service, options: Options) -> bool:
    """Warm the service up before it is forked, with threads and an event loop that end with it; tells whether it is.

    What is to be set up once in each worker has to be there first, and an async entry may keep its event loop.
    """
    if service.setup or any(entry.is_async for entry in service.entries.values()):
        return False
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = loop.run_until_complete(prepare(replace(options, metrics_file=None), service, None))
    worker.caller.close()
    asyncio.set_event_loop(None)
    loop.close()
    return True


def become_parent(options: Options, control: Control, before: frozenset[int]) -> Birth | None:
    """Fork workers, if that is safe; gives, in a worker, what it is told, and None when no more are wanted.

    Where it is not safe the supervisor is told why, and this very process is the worker.
    """
    obstacle = find_obstacle(options.bundle, before)
    if obstacle is None:
        control.send("forkable")
        return wait_for_births(control, options.bundle)
    control.send("unforkable", reason=obstacle)
    return Birth(control, options.metrics_file)


class Worker:
    """A loaded service with everything that serves it."""

    def __init__(self, options: Options, service: Service, control: Control | None) -> None:
        self._options = options
        self._control = control
        self._draining: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._accepting: asyncio.Future[None] | None = None
        self._service = service
        self.counters = Counters(service.name, service.version, list(service.entries), options.metrics_file)
        for name, entry in service.entries.items():
            entry.meter = self.counters.meters[name]
        self.caller = Caller(service, timeout=options.timeout, on_stuck=self._replace)
        routes = build_routes(
            service, self.counters.metrics, guarded=options.api_key_digest is not None,
            live=self._is_live, ready=self._is_ready,
        )
        self.app = App(routes, self.caller, self.counters, options)
        self._server = Server(self.app, receive=options.receive)
        self._releases = Releases(service, self.app, self._server, self.counters, options, self._send)

    def open_queues(self) -> None:
        """Let requests become batches, where that was proven to make no difference."""
        for entry in self._service.entries.values():
            if entry.plan is not None:
                entry.queue = Queue(entry, entry.plan, self.caller, most=self._options.batch, deliver=self.app.deliver)

    def _is_live(self) -> bool:
        return not self.caller.hanging

    def _is_ready(self) -> bool:
        return not self._draining.done()

    async def serve(self, listener: socket.socket | None, begun: float) -> None:
        """Serve until told to drain, then drain.

        Parameters
        ----------
        listener
            A stand-alone worker's socket; a supervised one listens on a private port until it is told to accept.
        begun
            When the process began, by `perf_counter`.

        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain, self._options.drain)
        if not self._options.supervised:
            loop.add_signal_handler(signal.SIGINT, self._drain, 1.0)
        listener = listener or open_listener("127.0.0.1", 0)
        await self._server.listen(listener)
        self.caller.start_watching()
        self._announce(listener.getsockname()[1], perf_counter() - begun)
        beating = [asyncio.ensure_future(self._tick()), asyncio.ensure_future(self._tell_load())]
        seconds = await self._draining
        self.counters.set_ready(ready=False)
        left = await self._server.drain(seconds)
        for one in beating:
            one.cancel()
        log(logging.INFO, "drained" if not left else "the time to drain is over", connections=left)
        self._send("drained")

    def _announce(self, port: int, seconds: float) -> None:
        self.counters.set_ready(ready=True, seconds=seconds)
        conduct = dump_conduct(self._service.entries.values(), self.caller)
        log(logging.INFO, f"{self._service.name} is ready", version=self._service.version, port=port,
            seconds=round(seconds, 3), conduct=conduct)
        if self._control is not None:
            self._control.listen(asyncio.get_running_loop(), self._obey)
            self._control.send("ready", port=port, seconds=seconds, conduct=conduct)

    def _send(self, event: str, **fields: object) -> None:
        if self._control is not None:
            self._control.send(event, **fields)

    def _obey(self, message: dict[str, Any]) -> None:
        if message["op"] == "accept":
            self._accepting = asyncio.ensure_future(self._accept())
        elif message["op"] == "rest":
            self._server.rest()
            self.counters.set_ready(ready=False)
        elif message["op"] in ("route", "shadow"):
            self._releases.obey(message)
        elif message["op"] == "drain":
            self._drain(float(message.get("seconds", self._options.drain)))
        elif message["op"] == "shed":
            self._server.shed(float(message["share"]))
        elif message["op"] == "end":
            log(logging.WARNING, "the supervisor is gone")
            self._drain(self._options.drain)

    async def _accept(self) -> None:
        # A copy of the descriptor: whoever rests may be told to accept again.
        assert self._options.listen_fd is not None
        if self._draining.done():
            return
        await self._server.listen(socket.socket(fileno=os.dup(self._options.listen_fd)))
        self.counters.set_ready(ready=True)
        self._send("accepting")

    def _drain(self, seconds: float) -> None:
        if self._draining.done():
            return
        self._draining.set_result(seconds)
        if self._options.listen_fd is not None:
            # Callers are refused as soon as nobody holds the socket, and this worker may take long to end.
            os.close(self._options.listen_fd)

    async def _tick(self) -> None:
        while True:
            self._server.tick()
            self.counters.sample_process()
            self.caller.beat()
            await asyncio.sleep(1)

    async def _tell_load(self) -> None:
        """Tell the supervisor once a second that the worker is alive and what it does; at once when it is too much."""
        strain = Strain(self.app, self.caller, self.counters, self._server)
        looks = 0
        while self._control is not None:
            load = strain.look()
            if load.strained or looks % _LOOKS == 0:
                self._send("alive", **load.dump())
            looks += 1
            await asyncio.sleep(LOOK_SECONDS)

    def _replace(self, entry: str, seconds: float, cell: str | None, *, fatal: bool) -> None:
        self._send("stuck", entry=entry, seconds=seconds, cell=cell)
        loop_hangs = self.caller.loop_hangs
        if loop_hangs:
            self._server.abandon()
        if loop_hangs or (fatal and self._control is None):
            # It can do nothing more for anybody. Alone, nobody else would replace it: its platform does, once it ended.
            os._exit(1)
