"""Processes are killed under load: what is lost is what was inside them, and everything heals without a person."""

from __future__ import annotations

import os
import random
import signal
import socket
import textwrap
import threading
from contextlib import closing

import httpx
from crowds import Crowd
from tiny import make_bundle, processes

from jupyter_deploy.registry import open_registry, registry_path
from jupyter_deploy.targets.local.client import connect

CALLERS = 8


def workers_of(local):
    return local.target.status("tiny")[0].details["pids"]


def kinds(local):
    return [event["kind"] for event in local.target.status("tiny")[0].events]


def check_registry():
    with closing(open_registry(registry_path())) as registry:
        assert registry.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def wait_answered(crowd, until, more=300):
    """Wait until so many more requests were answered."""
    goal = crowd.books.outcomes["200"] + more
    until(lambda: crowd.books.outcomes["200"] >= goal, 60)


def test_random_workers_are_killed_under_load(local, until):
    url = local.deploy("one", workers=3).url
    chance = random.Random(7)
    kills = 4
    with Crowd(url, CALLERS) as crowd:
        for _ in range(kills):
            wait_answered(crowd, until)
            os.kill(chance.choice(until(lambda: workers_of(local))), signal.SIGKILL)
        wait_answered(crowd, until)
    books = crowd.books
    assert books.balanced
    assert set(books.outcomes) <= {"200", "lost"}
    # One request of a connection can be inside a worker at a time.
    assert books.lost <= kills * CALLERS
    assert books.wrong == 0
    until(lambda: len(workers_of(local)) == 3)
    check_registry()


def test_the_supervisor_is_killed_under_load(local, until):
    """Its workers finish what they have, and the next one brings the service back."""
    url = local.deploy("one", workers=2).url
    with Crowd(url, CALLERS) as crowd:
        wait_answered(crowd, until)
        os.kill(local.supervisor(), signal.SIGKILL)
        local.target.status()
        wait_answered(crowd, until)
    assert crowd.books.balanced
    assert set(crowd.books.outcomes) == {"200"}, crowd.books.outcomes
    assert crowd.books.wrong == 0
    until(lambda: local.target.status("tiny")[0].state == "live")
    check_registry()


def test_the_supervisor_and_its_workers_are_killed_under_load(local, until):
    url = local.deploy("one", workers=2).url
    with Crowd(url, CALLERS) as crowd:
        wait_answered(crowd, until)
        pids = [local.supervisor(), *workers_of(local)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        local.target.status()
        wait_answered(crowd, until)
    assert crowd.books.balanced
    assert set(crowd.books.outcomes) <= {"200", "lost"}
    # They are killed one after the other: who was on the first may have come to the second.
    assert crowd.books.lost <= 2 * CALLERS
    assert crowd.books.wrong == 0
    check_registry()


HANGS = textwrap.dedent("""\
    import os
    import time
    VERSION = "{version}"
    def answer(x: int) -> dict:
        if x < 0:
            time.sleep(3600)
        return {{"x": x}}
    """)


def test_a_call_that_hangs_in_the_event_loop_costs_the_others_nothing(local, until):
    """They are told to come again, as none of them was computed, and are answered by the worker that follows."""
    make_bundle(local.folder / "bundles", "hangs", source=HANGS, golden=[("answer", {"x": 1}, {"x": 1})])
    url = local.deploy("hangs", timeout=1.0).url
    hanging: list[object] = []

    def hang() -> None:
        try:
            hanging.append(httpx.post(f"{url}/answer", json={"x": -1}, timeout=60).status_code)
        except httpx.TransportError as error:
            hanging.append(error)

    with Crowd(url, CALLERS) as crowd:
        wait_answered(crowd, until)
        thread = threading.Thread(target=hang)
        thread.start()
        until(lambda: "worker-replaced" in kinds(local), 60)
        wait_answered(crowd, until)
        thread.join()
    books = crowd.books
    assert "worker-stuck" in kinds(local)
    assert len(hanging) == 1
    assert hanging[0] != 200
    assert books.balanced
    assert books.lost == 0, books.outcomes
    assert set(books.outcomes) <= {"200", "503"}
    assert books.wrong == 0


LEAKS = textwrap.dedent("""\
    import os
    VERSION = "{version}"
    kept = []
    def answer(x: int) -> dict:
        kept.append(bytearray(os.urandom(4096)) * 2)
        return {{"x": x, "pid": os.getpid()}}
    """)


def test_a_leak_ends_with_a_new_worker_and_no_lost_request(local, until):
    make_bundle(local.folder / "bundles", "leaks", source=LEAKS)
    url = local.deploy("leaks", memory=200_000_000).url
    first = workers_of(local)
    with Crowd(url, 2) as crowd:
        until(lambda: "worker-grown" in kinds(local), 60)
        until(lambda: workers_of(local) and not set(first) & set(workers_of(local)), 60)
    assert crowd.books.balanced
    assert crowd.books.wrong == 0
    assert "worker-replaced" in kinds(local)
    if "worker-died" not in kinds(local):  # it may have grown beyond all bounds on a fast machine
        assert set(crowd.books.outcomes) == {"200"}, crowd.books.outcomes


def test_a_port_that_is_taken_meanwhile_is_waited_for(local, until):
    """All processes are killed, and something else has the port for a while: the service is back when it is free."""
    url = local.deploy("one").url
    port = int(url.rpartition(":")[2])
    for number in (signal.SIGSTOP, signal.SIGKILL):  # so that none sees another end, and starts it again
        for line in processes(local.folder):
            os.kill(int(line.split()[0]), number)
    until(lambda: not processes(local.folder))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        connect().close()
        assert local.target.status("tiny")[0].state == "starting"
    until(lambda: local.target.status("tiny")[0].state == "live", 40)
    assert httpx.post(f"{url}/answer", json={"x": 1}).json()["x"] == 1
