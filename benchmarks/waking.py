"""Sleeping and waking: the first answer of an endpoint without workers, a new worker, what a sleeping one costs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cells import ADD, CANCER, CASES, CHURN
from benchmarks.growing import Callers, wait_first_answer
from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.servers import Server, find_port, read_cases, serve, wait_answer
from benchmarks.tables import milliseconds, table
from benchmarks.workers import command_worker

ROUNDS = {"quick": 2, "full": 4}
CLIENTS = 1000
IDLE = 2.0
"""Seconds without a call until it sleeps."""
ASLEEP_SECONDS = 5.0
ENTRY, LIGHT = "predict", "add"
NAMES = {
    "warm": "from zero workers to the first right answer, with a warm parent",
    "cold": "the same without: a new process",
    "fresh": "a process started by hand, to its first right answer",
    "replaced": "a worker that was killed, until another one accepts",
    "grown": "under load: from the decision to have another worker, forked, until that accepts",
    "grown_first": "until it has answered its first request",
    "thousand": f"an entry that adds two numbers, from zero, {CLIENTS} clients at once: until the first is answered",
    "thousand_last": "until the last is answered",
}


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Wake the customers' pipeline in several ways, in turn; gives seconds, and what one that sleeps costs."""
    found: dict[str, list[float]] = defaultdict(list)
    with workspace() as place, Kernel(place) as kernel:
        kernel.run("%load_ext jupyter_deploy", *CHURN, *CANCER, *ADD, CASES)
        light = Endpoint(place, kernel, LIGHT, kernel.deploy(f"{LIGHT} --name {LIGHT} --min 0 --max 2 --idle {IDLE}"))
        done = kernel.deploy(f"{ENTRY} --name {ENTRY} --exact --min 0 --max 2 --idle {IDLE}")
        endpoint = Endpoint(place, kernel, ENTRY, done)
        port = find_port()
        command = command_worker(endpoint.worker(), Path(done["bundle"]), port)
        for _ in range(ROUNDS["quick" if quick else "full"]):
            quiet.probe()
            endpoint.fall_asleep(parent=True)
            found["warm"].append(endpoint.time_answer())
            os.kill(endpoint.worker().process.pid, signal.SIGKILL)
            endpoint.time_answer()
            found["replaced"].append(endpoint.read_seconds("worker-replaced"))
            accepts, answers = endpoint.time_growth(next(place.folder.rglob(f"metrics/{ENTRY}")))
            found["grown"].append(accepts)
            found["grown_first"].append(answers)
            light.wait_state("asleep")
            first, last = light.call_together(CLIENTS)
            found["thousand"].append(first)
            found["thousand_last"].append(last)
            endpoint.fall_asleep(parent=False)
            found["cold"].append(endpoint.time_answer())
            begun = time.perf_counter()
            with serve(command, port, place) as server:
                wait_answer(server, ENTRY, endpoint.case)
                found["fresh"].append(time.perf_counter() - begun)
        endpoint.fall_asleep(parent=False)
        light.fall_asleep(parent=False)
        return {**{name: summarise(values) for name, values in found.items()}, "asleep": endpoint.measure_asleep()}


class Endpoint:
    """The endpoint that is measured, seen from outside and through its notebook."""

    def __init__(self, place: Workspace, kernel: Kernel, entry: str, done: dict[str, Any]) -> None:
        kernel.run(f"_{entry} = _endpoint")
        self._kernel = kernel
        self._entry = entry
        self.case = read_cases(place, entry)[0]
        """A request, and the notebook's answer."""
        lock = next(place.folder.rglob("supervisor.json"))
        self.server = Server(int(done["url"].rpartition(":")[2]), psutil.Process(json.loads(lock.read_text())["pid"]))
        """Its port, and the supervisor's process."""
        self._seen: dict[str, int] = {}

    def worker(self) -> Server:
        """Give the youngest worker, as others may be leaving (raises `IndexError` when there is none)."""
        pids = self._kernel.read(f"_{self._entry}.status.details['pids']")
        return Server(self.server.port, psutil.Process(pids[-1]))

    def time_answer(self) -> float:
        """Give the seconds until a right answer."""
        return self.call_together(1)[0]

    def call_together(self, count: int) -> tuple[float, float]:
        """Connect clients at once, each with one call; gives when the first and the last had its right answer."""
        return asyncio.run(call_together(self.server.port, self._entry, self.case, count))

    def _events(self, kind: str) -> list[str]:
        found: list[str] = self._kernel.read(
            f"[event['text'] for event in _{self._entry}.status.events if event['kind'] == {kind!r}]")
        return found

    def fall_asleep(self, *, parent: bool) -> None:
        """Wait until it sleeps, with its warm parent or without; one that lost it meanwhile is called again."""
        while True:
            self.wait_state("asleep")
            there = "forked" in self._kernel.read(f"_{self._entry}.status.details['starts']")
            if there == parent:
                return
            if parent:
                self.time_answer()
            time.sleep(0.1)

    def wait_state(self, state: str) -> None:
        """Wait until it is in a state."""
        while self._kernel.read(f"_{self._entry}.status.state") != state:
            time.sleep(0.1)

    def wait_event(self, kind: str) -> str:
        """Wait for an event that has not been waited for."""
        while len(events := self._events(kind)) <= self._seen.get(kind, 0):
            time.sleep(0.1)
        self._seen[kind] = len(events)
        return events[-1]

    def read_seconds(self, kind: str) -> float:
        """Give the seconds that an event tells of: `accepts after 0.012 s`."""
        return float(self.wait_event(kind).partition("accepts after ")[2].split()[0])

    def time_growth(self, metrics: Path) -> tuple[float, float]:
        """Load it until it gets another worker; gives the seconds from the decision until that accepts, and answers.

        Both are told and seen by the time of day: the decision is as long before the event as that says.
        """
        self.time_answer()
        known = set(metrics.glob("*.metrics"))
        with Callers(self.server.port, self._entry, self.case):
            answered = wait_first_answer(metrics, known)
        accepts = self.read_seconds("scaled-up")
        told = self._kernel.read(f"[event['time'] for event in _{self._entry}.status.events "
                                 "if event['kind'] == 'scaled-up'][-1]")
        return accepts, answered - (told - accepts)

    def measure_asleep(self) -> dict[str, float]:
        """Give what all processes of a sleeping endpoint hold, and the CPU time that they take."""
        process = self.server.process
        children = process.children(recursive=True)
        before = self.server.cpu
        time.sleep(ASLEEP_SECONDS)
        return {"processes": len(children), "supervisor": process.memory_full_info().uss,
                "cpu": (self.server.cpu - before) / ASLEEP_SECONDS}


async def call_together(port: int, entry: str, case: dict[str, Any], count: int) -> tuple[float, float]:
    """Do what `Endpoint.call_together` says (raises `RuntimeError` when any gets something else)."""
    body = case["body"].encode() if isinstance(case["body"], str) else case["body"]
    request = (b"POST /%b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n"
               b"content-length: %d\r\n\r\n%b" % (entry.encode(), len(body), body))

    async def call() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        head, _, content = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200") or json.loads(content) != case["answer"]:
            raise RuntimeError(f"a client of {count} got: {answer.decode()}")
        return time.perf_counter() - begun

    begun = time.perf_counter()
    taken = await asyncio.gather(*(call() for _ in range(count)))
    return min(taken), max(taken)


def describe(figures: dict[str, Any]) -> str:
    """Write the tables."""
    rows = [[text, *(milliseconds(figures[name][key]) for key in ("median", "min", "max"))]
            for name, text in NAMES.items()]
    asleep, ratio = figures["asleep"], figures["cold"]["median"] / figures["fresh"]["median"]
    return (f"{table(['', 'median, ms', 'best, ms', 'worst, ms'], rows)}\n\n"
            f"Waking without a parent took {ratio:.2f} times a start by hand. Asleep, the endpoint had "
            f"{asleep['processes']:.0f} processes of its own; the supervisor, which is one for all endpoints, held "
            f"{asleep['supervisor'] / 1e6:.0f} MB and took {asleep['cpu'] * 100:.1f} % of a core.")
