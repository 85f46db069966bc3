"""Running a server on its core and asking it everything once before it is measured."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.servers import LOAD_CORE, SERVER_CORE
from benchmarks.workloads import Case

if TYPE_CHECKING:
    from benchmarks.rivals.peers import Peer, Start

PATIENCE = 90.0
"""Seconds that a server has until it answers."""
CHECKING = 16
"""Connections on which the answers are checked."""
AUTOGROUP = Path("/proc/self/autogroup")
KEPT = ("HOME", "LANG", "PATH", "TMPDIR")


class Unfit(Exception):
    """A server does not start or gives a wrong answer; the message says what."""


def run_quietly(command: Sequence[str]) -> None:
    """Run something that prepares a server (raises `Unfit`)."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=_variables())
    if done.returncode:
        raise Unfit((done.stderr.strip().splitlines() or ["it failed"])[-1])


def _variables(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """Give the command with all its processes on one core and before those of others, where the system lets us.

    It is to run in a session of its own.
    """
    first = ["nice", "-n", "-19"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    # Linux weighs the processes of each session together (autogroup), so the session has to come first as well.
    grouped = ["sh", "-c", 'echo -19 >/proc/self/autogroup; exec "$@"', "sh"] if first and AUTOGROUP.exists() else []
    return [*first, *grouped, *(["taskset", "-c", str(core)] if shutil.which("taskset") else []), *command]


class Running:
    """A server that has been started, with all its processes."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, begun: float) -> None:
        self._process = process
        self.port = port
        self.begun = begun
        self.ended = False

    @property
    def alive(self) -> bool:
        """Whether its first process runs."""
        return self._process.poll() is None

    def _all(self) -> list[psutil.Process]:
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def measure_memory(self) -> dict[str, float]:
        """Give bytes of all its processes: resident, and with shared pages counted by halves (`pss`)."""
        full = []
        for one in self._all():
            with suppress(psutil.Error):
                full.append(one.memory_full_info())
        return {"rss": sum(one.rss for one in full), "pss": sum(one.pss for one in full), "processes": len(full)}

    def stop(self) -> None:
        """End it and all that it has started."""
        with suppress(psutil.Error):
            processes = self._all()
            self._process.send_signal(signal.SIGTERM)
            psutil.wait_procs(processes, timeout=3)
            for one in processes:
                with suppress(psutil.Error):
                    one.kill()
        self._process.kill()
        self._process.wait()


@contextmanager
def run_server(start: Start, port: int, log: Path, *, alone: bool = True) -> Iterator[Running]:
    """Run a server on its core, or on all unless it is to be `alone`; it ends with the block."""
    with log.open("wb") as said:
        begun = time.perf_counter()
        command = pinned(SERVER_CORE, start.command) if alone else start.command
        process = subprocess.Popen(command, cwd=start.folder, stdout=said, stderr=said,
                                   env={**_variables(), **start.variables}, start_new_session=True)
        running = Running(process, port, begun)
        try:
            yield running
        finally:
            running.stop()


def wait_right(running: Running, peer: Peer, path: str, case: Case) -> float:
    """Wait for the first right answer; gives seconds since the start (raises `Unfit`)."""
    body, said = peer.body(case.rows), "no answer"
    while time.perf_counter() - running.begun < PATIENCE and running.alive:
        with suppress(OSError, http.client.HTTPException):
            status, answer = _post(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30), path, body)
            said = f"{status} {answer[:200]!r}"
            if status == 200:
                _compare(peer, case, answer, status)
                return time.perf_counter() - running.begun
        time.sleep(0.005)
    raise Unfit(f"it does not answer: {said}")


def _post(connection: http.client.HTTPConnection, path: str, body: str) -> tuple[int, bytes]:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _compare(peer: Peer, case: Case, answer: bytes, status: int) -> float:
    """Give how far an answer is from the notebook's (raises `Unfit` if it is too far, or none)."""
    if status != 200:
        raise Unfit(f"{status} {answer[:200]!r}")
    found = peer.read(json.loads(answer))
    if len(found) != len(case.answers):
        raise Unfit(f"{len(case.answers)} answers were wanted, and {len(found)} came")
    apart = max(abs(one - other) for one, other in zip(found, case.answers, strict=True))
    if apart > max(peer.tolerance, 1e-12):
        raise Unfit(f"an answer is {apart:.1e} from the notebook's")
    return apart


def check_all(running: Running, peer: Peer, path: str, cases: Sequence[Case]) -> dict[str, Any]:
    """Ask everything once, on several connections at a time; gives the largest difference (raises `Unfit`)."""
    apart: list[float] = []
    wrong: list[str] = []

    def ask(share: Sequence[Case]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        for case in share:
            try:
                status, answer = _post(connection, path, peer.body(case.rows))
                apart.append(_compare(peer, case, answer, status))
            except (OSError, http.client.HTTPException, Unfit) as error:
                wrong.append(f"{type(error).__name__}: {error}")
                connection.close()

    threads = [threading.Thread(target=ask, args=(cases[number::CHECKING],)) for number in range(CHECKING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise Unfit(f"{len(wrong)} of {len(cases)} answers are wrong: {wrong[0]}")
    return {"checked": len(apart), "difference": max(apart)}


def load(running: Running, path: str, bodies: Path, connections: int, seconds: float) -> dict[str, float]:
    """Load a server with wrk on a core of its own; gives requests/s, p50 and p99 in seconds, and errors."""
    script = str(Path(__file__).parents[1] / "wrk.lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", script,
               f"http://127.0.0.1:{running.port}", "--", path, str(bodies)]
    done = subprocess.run(pinned(LOAD_CORE, command), capture_output=True, text=True, timeout=120,
                          start_new_session=True)
    if done.returncode:
        raise Unfit(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"rate": told["requests"] / told["seconds"], "p50": told["p50"], "p99": told["p99"],
            "errors": told["failed"]}
