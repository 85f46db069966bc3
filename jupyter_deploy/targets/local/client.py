"""The client's side: reach the supervisor, starting it when it is not there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_deploy import __version__
from jupyter_deploy.errors import DeployError, TargetError
from jupyter_deploy.registry import data_dir
from jupyter_deploy.targets.local.control import LOCK, LOG, PROTOCOL, STARTING, decode, encode, restore_error
from jupyter_deploy.targets.local.keeper import KEEPER

_START_SECONDS = 15.0
_LOOK_SECONDS = 0.02
ANSWER_SECONDS = 4.0
"""How long the supervisor may take to say that it is there, or how its services are; both cost it a millisecond."""


_QUICK = ("hello", "status")


class Hung(TargetError):
    """The supervisor is there and does not answer."""

    def __init__(self) -> None:
        pid = _find_pid()
        ending = f"end it with: kill -9 {pid}. Then" if pid else "end it. Then"
        super().__init__(
            f"the supervisor of local deployments has not answered for {ANSWER_SECONDS:.0f} seconds",
            where=f"process {pid}" if pid else None,
            advice=f"wait a moment; if it stays so, {ending} a new one starts and brings back what was live")


def _find_pid() -> int | None:
    try:
        return int(json.loads((data_dir() / LOCK).read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return None


class Client:
    """A connection to the supervisor; candidates that were staged over it are discarded when it closes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._file = sock.makefile("rb")

    def send(self, op: str, **arguments: Any) -> None:
        """Ask for one operation."""
        try:
            self._socket.sendall(encode({"op": op, **arguments}))
        except OSError as error:
            raise _lost() from error

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Ask for one operation and wait for its answer (raises the error that the supervisor answers with)."""
        self._socket.settimeout(ANSWER_SECONDS if op in _QUICK else None)
        self.send(op, **arguments)
        try:
            line = self._file.readline()
        except TimeoutError as error:
            raise Hung() from error
        except OSError as error:
            raise _lost() from error
        if not line:
            raise _lost()
        answer = decode(line)
        if "error" in answer:
            raise restore_error(answer["error"])
        return dict(answer["ok"])

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _lost() -> TargetError:
    return TargetError("the supervisor of local deployments ended during the request", where=str(data_dir() / LOG),
                       advice="try again: a new supervisor starts and brings back what was live")


def connect(*, start: bool = True, replace: bool = False) -> Client | None:
    """Reach the supervisor of this user's data folder; when none runs, start one, or give None.

    Parameters
    ----------
    replace
        End a supervisor of another release, whatever it holds: the new one brings that back.

    Raises
    ------
    TargetError
        When none can be started, or when one of another release holds deployments.

    """
    data = data_dir()
    client = _reach(data, replace=replace) or _await(data, replace=replace)
    if client is not None or not start:
        return client
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / STARTING).open("w") as lock:
        # Whoever comes second waits here and then finds the supervisor that the first one started.
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = _reach(data, replace=replace) or _await(data, replace=replace)
        if client is None:
            _start(data)
            client = _reach(data, replace=replace)
    if client is None:
        raise TargetError("the supervisor of local deployments ended right after its start", where=str(data / LOG))
    return client


def start_ahead() -> None:
    """Start a supervisor in the background, if none runs; whatever is wrong is told when it is needed."""
    def start() -> None:
        with contextlib.suppress(DeployError):
            client = connect()
            if client is not None:
                client.close()

    threading.Thread(target=start, daemon=True).start()


def stop_supervisor() -> None:
    """End the supervisor, if one runs, with all its workers; what was live comes back with the next one."""
    data = data_dir()
    client = connect(start=False)
    if client is not None:
        with (data / LOCK).open() as lock:
            with client:
                client.request("quit")
            # It holds the lock until it ends.
            fcntl.flock(lock, fcntl.LOCK_EX)


def _await(data: Path, *, replace: bool) -> Client | None:
    """Reach the supervisor that a keeper starts in place of one that was killed; None when there is no keeper."""
    end = time.monotonic() + _START_SECONDS
    client = None
    while client is None and _has_keeper(data) and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        client = _reach(data, replace=replace)
    return client


def _has_keeper(data: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), (data / KEEPER).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _reach(data: Path, *, replace: bool) -> Client | None:
    try:
        path = json.loads((data / LOCK).read_text())["socket"]
        sock = socket.socket(socket.AF_UNIX)
    except (OSError, ValueError):
        return None
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        return None
    client = Client(sock)
    try:
        hello = client.request("hello")
    except Hung:
        client.close()
        raise
    except TargetError:
        # It was just ending.
        client.close()
        return None
    if hello["version"] == __version__ and hello["protocol"] == PROTOCOL:
        return client
    if hello["idle"] or replace:
        client.request("quit")
        client.close()
        return None
    client.close()
    raise TargetError(
        f"local deployments are held by a supervisor of nbdeploy {hello['version']}; this is {__version__}",
        advice="`nbdeploy start --all` hands them over: they stop for about a second",
    )


def _start(data: Path) -> None:
    from jupyter_core.paths import jupyter_runtime_dir

    runtime = Path(jupyter_runtime_dir()) / "nbdeploy"
    reading, writing = os.pipe()
    with (data / LOG).open("ab") as log, os.fdopen(reading, "rb") as answer:
        try:
            subprocess.run(
                [sys.executable, "-I", "-S", str(Path(__file__).parent), "--data", str(data),
                 "--runtime", str(runtime), "--ready", str(writing)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(writing,), start_new_session=True,
                check=True, timeout=_START_SECONDS,
            )
        finally:
            os.close(writing)
        readable, _, _ = select.select([answer], [], [], _START_SECONDS)
        line = answer.readline() if readable else b""
    if line != b"ready\n":
        if line:
            raise restore_error(decode(line))
        raise TargetError("the supervisor of local deployments did not start", where=str(data / LOG))
