"""The supervisor as a process: one for each data folder, reached over its control socket, gone when nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import traceback

import jupyter_deploy
from jupyter_deploy.errors import DeployError
from jupyter_deploy.registry import open_registry, registry_path
from jupyter_deploy.targets.local.control import LOCK, control_path, decode, describe_error, encode
from jupyter_deploy.targets.local.keeper import Kept, Options
from jupyter_deploy.targets.local.keeping import Keeping
from jupyter_deploy.targets.local.supervisor import Message, Supervisor

_LINE_LIMIT = 64 << 20
"""Bytes of a request: a proof travels in one."""


class Server:
    """Answers clients, and decides when to end."""

    def __init__(self, supervisor: Supervisor, idle_seconds: float) -> None:
        self._supervisor = supervisor
        self._idle_seconds = idle_seconds
        self._connections = 0
        self._end = asyncio.Event()

    def end(self) -> None:
        """Begin to end."""
        self._end.set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client, request by request; when it goes, so do its candidates."""
        owner = object()
        self._connections += 1
        try:
            line = await reader.readline()
            while line:
                answer, following = await self._answer(line, reader, owner)
                if answer is not None:
                    writer.write(encode(answer))
                    await writer.drain()
                line = await following
        except ConnectionError:
            pass  # it did not wait for its answer
        except (ValueError, KeyError):
            traceback.print_exc()
        finally:
            self._connections -= 1
            await self._supervisor.leave(owner)
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader,
                      owner: object) -> tuple[Message | None, asyncio.Task[bytes]]:
        """Answer one request; when the client goes while a candidate starts, it starts for nobody."""
        request = decode(line)
        work = asyncio.create_task(self._perform(request, owner))
        following = asyncio.create_task(reader.readline())
        await asyncio.wait([work, following], return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and request["op"] == "stage":
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await work, following
        return None, following

    async def _perform(self, request: Message, owner: object) -> Message:
        try:
            if request["op"] == "quit":
                self.end()
                return {"ok": {}}
            return {"ok": await self._supervisor.operations[request["op"]](request, owner)}
        except DeployError as error:
            return {"error": describe_error(error)}
        except Exception as error:  # noqa: BLE001 - one request must not end the supervisor; the client is told
            traceback.print_exc()
            return {"error": {"type": "TargetError", "message": f"the supervisor failed: {error!r}", "where": None,
                              "advice": f"its log says more: {LOCK}"}}

    async def watch(self) -> None:
        """Check once a second, until told to end or until nothing has been held for a while."""
        loop = asyncio.get_running_loop()
        idle_since = loop.time()
        while not self._end.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._end.wait(), 1.0)
            try:
                self._supervisor.check()
            except Exception:  # noqa: BLE001 - what is due once a second is tried again; all services depend on this loop
                with contextlib.suppress(OSError):
                    traceback.print_exc()
            if self._connections or not self._supervisor.idle:
                idle_since = loop.time()
            elif loop.time() - idle_since >= self._idle_seconds:
                return


async def _serve(options: Options, lock: int, channel: socket.socket, kept: dict[str, Kept]) -> None:
    registry = open_registry(registry_path(options.data))
    keeping = Keeping(channel, kept, options.command)
    supervisor = Supervisor(options.data, registry, dict(os.environ), keeping)
    server = Server(supervisor, options.idle)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.end)
    path = control_path(options.runtime)
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    listening = await asyncio.start_unix_server(server.talk, path, limit=_LINE_LIMIT)
    os.umask(before)
    told = encode({"socket": str(path), "pid": os.getpid(), "version": jupyter_deploy.__version__})
    # In one write, over all that was there: whoever reads meanwhile finds the one or the other.
    os.pwrite(lock, told.ljust(os.fstat(lock).st_size), 0)
    supervisor.restore()
    if options.ready is not None:
        os.write(options.ready, b"ready\n")
        os.close(options.ready)
    await server.watch()
    keeping.end()
    listening.close()
    path.unlink(missing_ok=True)
    await supervisor.end()
    registry.close()


def run(options: Options, channel: socket.socket, kept: dict[str, Kept]) -> None:
    """Run the supervisor until its end; writes `ready`, or why not, to the descriptor `options.ready`.

    Parameters
    ----------
    channel
        The connection to the keeper.
    kept
        What a supervisor that was killed had in keeping.

    """
    if options.ready is not None:
        os.set_inheritable(options.ready, False)
    # Held until the process ends; one that is just ending is waited for.
    lock = os.open(options.data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        asyncio.run(_serve(options, lock, channel, kept))
    except DeployError as error:
        if options.ready is None:
            raise
        os.write(options.ready, encode(describe_error(error)))
        sys.exit(1)
