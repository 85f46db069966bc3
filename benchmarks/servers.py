"""The servers that are compared: our live endpoints, and the application written by hand."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cells import ADD, CANCER, CASES, CHURN
from benchmarks.kernel import Kernel, Workspace

ENTRIES = ("predict", "diagnose", "add")
BY_HAND = Path(__file__).parent / "asgi.py"
SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True)
class Server:
    """A process that answers on a port of this machine."""

    port: int
    process: psutil.Process

    @property
    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        return read_cpu(self.process)

    def memory(self) -> dict[str, int]:
        """Give bytes: resident, and of these the process's own alone."""
        full = self.process.memory_full_info()
        return {"resident": full.rss, "own": full.uss}


def read_cpu(process: psutil.Process) -> float:
    """Give the seconds of CPU time that a process and its threads took so far.

    `cpu_times` counts hundredths of a second, too few for a window of two. Linux has a clock of nanoseconds for each
    process, whose number is made of the process's (clock_getcpuclockid(3), `CPUCLOCK_SCHED`).
    """
    if sys.platform == "linux":
        return time.clock_gettime(~process.pid << 3 | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


def deploy_all(kernel: Kernel) -> dict[str, tuple[Server, Path]]:
    """Run the notebooks, write their cases, and deploy their entries; gives a server and its bundle for each."""
    kernel.run("%load_ext jupyter_deploy", *CHURN, *CANCER, *ADD, CASES)
    deployed = {}
    for entry in ENTRIES:
        done = kernel.deploy(f"{entry} --name {entry} --exact")  # the models that the others serve, too
        pids = kernel.read("_endpoint.status.details['pids']")
        server = Server(int(done["url"].rpartition(":")[2]), psutil.Process(pids[0]))
        deployed[entry] = (server, Path(done["bundle"]))
    return deployed


@contextmanager
def serve(command: Sequence[str], port: int, place: Workspace) -> Iterator[Server]:
    """Run a server; it ends with the block."""
    process = subprocess.Popen(command, env=place.variables, cwd=place.folder, stderr=subprocess.DEVNULL)
    try:
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.kill()
        process.wait()


def command_by_hand(place: Workspace, port: int) -> list[str]:
    """Give the command line of the application written by hand."""
    return [sys.executable, str(BY_HAND), str(place.folder), str(port)]


def find_port() -> int:
    """Give a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def read_cases(place: Workspace, entry: str) -> list[dict[str, Any]]:
    """Read the requests and the notebook's answers."""
    cases: list[dict[str, Any]] = json.loads((place.folder / f"{entry}.json").read_bytes())
    return cases


def wait_answer(server: Server, entry: str, case: dict[str, Any],
                why_ended: Callable[[], str | None] = lambda: None) -> None:
    """Wait until the server is up, and see that it answers `case` as the notebook did (raises `RuntimeError`).

    `why_ended` says why there will be no answer, or None while there may be one.
    """
    begun = asked = time.monotonic()
    status, body = 503, b"no answer"
    while status == 503 and time.monotonic() - begun < 60:
        if time.monotonic() - asked > 1:
            asked = time.monotonic()
            if reason := why_ended():
                raise RuntimeError(f"the server of /{entry} has ended: {reason}")
        with suppress(ConnectionError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("POST", f"/{entry}", case["body"], {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
            connection.close()
        time.sleep(0.002)
    if status != 200 or json.loads(body) != case["answer"]:
        raise RuntimeError(f"/{entry} should answer {case['answer']}, but answers {status}: {body.decode()}")


def pin(process: psutil.Process, core: int) -> None:
    """Keep a process on one core, where the system can do that and has more than one."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {core})
