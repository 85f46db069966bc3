"""Workers that come with the calls and go without them, and what happens when any of the processes dies meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tiny import make_bundle, processes

from jupyter_deploy.targets.local.client import connect

BUSY = textwrap.dedent("""\
    import os, time
    VERSION = "{version}"
    def answer(x: int) -> dict:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        return {{"version": VERSION, "x": x, "pid": os.getpid()}}
    """)
THREADED = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
RANDOM = textwrap.dedent("""\
    import os, random
    VERSION = "{version}"
    FIRST = os.getpid()
    SEEDED
    def answer(x: int) -> dict:
        return {{"pid": os.getpid(), "loader": FIRST, "number": random.random()}}
    """)


def events(local, kind):
    return [event["text"] for event in local.target.status("tiny")[0].events if event["kind"] == kind]


def state(local):
    return local.target.status("tiny")[0].state


def ask(url, x=1):
    return httpx.post(f"{url}/answer", json={"x": x}, timeout=30).json()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def parent_of(local):
    with connect() as client:
        text = client.request("status")["services"]["tiny"]["starts"]
    return int(text.partition("(process ")[2].rstrip(")"))


def deploy_asleep(local, until, version="one", **options):
    url = local.deploy(version, **{"min": 0, "max": 2, "idle": 0.5, **options}).url
    until(lambda: state(local) == "asleep")
    return url


async def call_together(url, count):
    """Connect `count` clients at once; gives what each is answered."""
    host, port = url.removeprefix("http://").split(":")

    async def call(number):
        reader, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps({"x": number}).encode()
        writer.write(b"POST /answer HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), answer
        return json.loads(body)["x"]

    return await asyncio.gather(*(call(number) for number in range(count)))


def test_it_sleeps_without_calls_and_the_next_one_wakes_it(local, until):
    url = local.deploy("one", min=0, max=2, idle=1.0).url
    first = ask(url)["pid"]
    assert "forked from a warm parent" in events(local, "starts")[0]
    until(lambda: state(local) == "asleep")
    until(lambda: not is_running(first))
    assert local.target.status("tiny")[0].workers == 0
    answer = ask(url, 7)
    assert (answer["x"], answer["version"]) == (7, "one")
    assert answer["pid"] != first
    assert "forked" in events(local, "woken")[0]
    assert state(local) == "live"


def test_a_thousand_clients_that_wake_it_are_all_answered(local, until):
    url = deploy_asleep(local, until)
    assert asyncio.run(call_together(url, 1000)) == list(range(1000))


def test_no_call_is_lost_that_comes_while_it_falls_asleep(local, until):
    url = local.deploy("one", min=0, max=1, idle=0.2).url
    until(lambda: state(local) == "asleep")
    end = time.monotonic() + 8
    pause = 0.15
    while time.monotonic() < end:
        assert ask(url, 5)["x"] == 5
        time.sleep(pause)
        pause = 0.15 + (pause * 7.3) % 0.7
    assert len(events(local, "asleep")) > 1


def test_a_parent_that_slept_for_long_goes_and_the_next_call_loads_anew(local, until):
    url = deploy_asleep(local, until)
    parent = parent_of(local)
    until(lambda: events(local, "parent-dropped"))
    until(lambda: not is_running(parent))
    assert state(local) == "asleep"
    assert not [line for line in processes(local.folder / "bundles") if "runtime/__main__.py" in line]
    assert ask(url, 3)["x"] == 3
    assert parent_of(local) != parent


def test_processes_that_are_killed_are_replaced(local, until):
    url = local.deploy("one", min=0, max=2, idle=60.0).url
    parent, worker = parent_of(local), ask(url)["pid"]
    os.kill(worker, signal.SIGKILL)
    second = ask(url)["pid"]
    assert second != worker
    assert f"worker {worker} of version {local.target.status('tiny')[0].version} was ended by SIGKILL" in events(local, "worker-died")[0]
    assert "forked" in until(lambda: events(local, "worker-replaced"))[0]
    os.kill(parent, signal.SIGKILL)
    until(lambda: events(local, "parent-died"))
    assert ask(url)["pid"] == second
    os.kill(second, signal.SIGKILL)
    assert ask(url)["pid"] != second
    assert "was ended by SIGKILL" in events(local, "worker-died")[1]
    assert parent_of(local) != parent


def test_a_supervisor_that_is_killed_while_all_sleep_is_followed_by_one_where_they_sleep(local, until):
    url = deploy_asleep(local, until)
    os.kill(local.supervisor(), signal.SIGKILL)
    until(lambda: not [line for line in processes(local.folder / "bundles") if "runtime/__main__.py" in line])
    assert until(lambda: state(local) != "starting" and state(local)) == "asleep"
    assert ask(url, 3)["x"] == 3
    os.kill(local.supervisor(), signal.SIGKILL)
    local.target.start("tiny")
    assert ask(url, 4)["x"] == 4


def test_what_is_done_while_it_sleeps(local, until):
    url = deploy_asleep(local, until)
    assert local.deploy("two").url == url
    assert ask(url)["version"] == "two"
    until(lambda: state(local) == "asleep")
    local.target.rollback("tiny")
    assert ask(url)["version"] == "one"
    until(lambda: state(local) == "asleep")
    local.target.stop("tiny")
    with pytest.raises(httpx.ConnectError):
        ask(url)
    local.target.start("tiny")
    assert ask(url)["version"] == "one"
    assert local.target.status("tiny")[0].details["scale"] == "0 to 2"


def test_idle_time_counts_from_when_it_went_live(local, until):
    url = local.deploy("one", min=0, max=1, idle=3.0).url
    local.deploy("two", shadow=True)
    until(lambda: state(local) == "asleep")
    began = time.monotonic()
    local.target.promote("tiny")
    until(lambda: state(local) == "asleep")
    assert time.monotonic() - began >= 3
    assert ask(url)["version"] == "two"


def test_workers_come_with_the_calls_and_go_after_them(local, until):
    make_bundle(local.folder / "bundles", "busy", source=BUSY)
    url = local.deploy("busy", min=1, max=2, idle=1.0).url
    pids = set()

    def call():
        with httpx.Client(base_url=url) as client:
            while len(pids) < 2:
                pids.add(client.post("/answer", json={"x": 1}, timeout=30).json()["pid"])

    with ThreadPoolExecutor(4) as callers:
        for done in [callers.submit(call) for _ in range(4)]:
            done.result(60)
    assert "1 to 2: 1 of 1 strained" in events(local, "scaled-up")[0]
    until(lambda: local.target.status("tiny")[0].workers == 1, 40)
    assert "2 to 1: 1 would have done for 1 s" in events(local, "scaled-down")[0]
    assert ask(url)["version"] == "busy"


def test_what_cannot_be_copied_is_said_once(local, until):
    make_bundle(local.folder / "bundles", "threaded", source=THREADED + BUSY)
    url = deploy_asleep(local, until, "threaded")
    said = events(local, "starts")
    assert len(said) == 1
    assert ("Python code (thread `Thread-1 (wait)`) keeps a thread running, which copies would not have: "
            "start it when a call needs it, or in a cell tagged deploy:setup, which runs in each worker") in said[0]
    assert ask(url, 2)["x"] == 2
    assert "forked" not in events(local, "woken")[0]
    local.target.stop("tiny")
    local.target.start("tiny")
    assert events(local, "starts") == said
    make_bundle(local.folder / "bundles", "opened", source="BOOK = open(__file__ + '.book', 'w')\n" + BUSY)
    local.deploy("opened", min=0, max=2)
    assert "the notebook's code (`BOOK`) keeps " in events(local, "starts")[1]
    assert "service.py.book open, which copies would share: open it in the function that uses it" in events(local, "starts")[1]


@pytest.mark.parametrize(("seeded", "different"), [("", 2), ("random.seed(3)", 1)])
def test_copies_draw_random_numbers_as_new_processes_do(local, seeded, different):
    make_bundle(local.folder / "bundles", "random", source=RANDOM.replace("SEEDED", seeded))
    url = local.deploy("random", min=0, max=2).url
    first = ask(url)
    os.kill(first["pid"], signal.SIGKILL)
    second = ask(url)
    assert first["loader"] == second["loader"]
    assert first["pid"] != second["pid"]
    assert len({first["number"], second["number"]}) == different


def ask_version(url):
    return ask(url)["version"]


def test_metrics_tell_of_workers_and_of_what_happened_to_them(local, until):
    url = local.deploy("one", min=0, max=1, idle=0.5).url
    until(lambda: local.target.status("tiny")[0].state == "asleep")
    ask(url)

    def tells():
        text = httpx.get(f"{url}/metrics", timeout=30).text
        return ('nbdeploy_workers{state="ready"} 1' in text and 'nbdeploy_workers{state="wanted"} 1' in text
                and 'nbdeploy_worker_events_total{kind="woken"} 1' in text)

    until(tells)


def test_a_version_that_slept_while_it_rested_is_rolled_back_to_and_wakes(local, until):
    url = local.deploy("one", min=0, max=2, idle=0.5).url
    assert ask_version(url) == "one"
    local.deploy("two", min=0, max=2, idle=0.5)
    assert ask_version(url) == "two"
    until(lambda: local.target.status("tiny")[0].state == "asleep")
    local.target.rollback("tiny")
    assert ask_version(url) == "one"
    until(lambda: local.target.status("tiny")[0].state == "asleep")
    assert ask_version(url) == "one"
    local.target.rollback("tiny", local.target.status("tiny")[0].versions[-1].version)


def test_a_canary_of_an_endpoint_that_sleeps(local, until):
    """The live version sleeps and wakes as ever; its workers know then where the canary's part goes."""
    url = local.deploy("one", min=0, max=1, idle=0.5).url
    until(lambda: local.target.status("tiny")[0].state == "asleep")
    local.deploy("two", min=0, max=1, idle=0.5, canary=0.5)
    for _ in range(2):
        until(lambda: local.target.status("tiny")[0].state == "asleep")
        assert {ask_version(url) for _ in range(4)} == {"one", "two"}
    local.target.promote("tiny")
    until(lambda: local.target.status("tiny")[0].state == "asleep")
    assert ask_version(url) == "two"
