"""What happens to workers, clients and supervisors that die or hang."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import httpx
from tiny import ENVIRONMENT, make_bundle, processes

from jupyter_deploy.registry import list_samples, open_registry, registry_path
from jupyter_deploy.targets.local.client import connect
from jupyter_deploy.targets.local.options import LocalOptions


def pid_of(url):
    return httpx.post(f"{url}/answer", json={"x": 1}).json()["pid"]


def kinds(local):
    return [event["kind"] for event in local.target.status("tiny")[0].events]


def test_a_dead_worker_is_replaced(local):
    url = local.deploy("one").url
    before = pid_of(url)
    os.kill(before, signal.SIGKILL)
    assert pid_of(url) != before
    assert kinds(local) == ["deployed", "worker-died", "worker-replaced"]


def test_a_worker_that_hangs_is_replaced(local):
    url = local.deploy("one").url
    before = pid_of(url)
    os.kill(before, signal.SIGSTOP)
    assert httpx.post(f"{url}/answer", json={"x": 1}, timeout=30).json()["pid"] != before
    assert kinds(local) == ["deployed", "worker-hung", "worker-died", "worker-replaced"]


def test_a_worker_with_a_stuck_call_is_replaced_and_its_other_calls_are_answered(local, until):
    url = local.deploy("one", timeout=1.0).url
    before = pid_of(url)
    slow = threading.Thread(target=lambda: httpx.post(f"{url}/wait", json={"x": 3600.0}, timeout=60))
    slow.start()
    until(lambda: "worker-replaced" in kinds(local))
    assert pid_of(url) != before
    assert "worker-stuck" in kinds(local)
    slow.join()
    until(lambda: not processes(local.folder / "none") and str(before) not in " ".join(processes(local.folder)))


def test_workers_that_die_again_and_again_are_given_up_and_a_new_deploy_fixes_it(local, until):
    source = textwrap.dedent("""\
        import os, threading
        VERSION = "{version}"
        def answer(x: int) -> dict:
            os._exit(3)
        """)
    make_bundle(local.folder / "bundles", "dying", source=source)
    url = local.deploy("dying").url

    def state():
        with contextlib.suppress(httpx.TransportError):
            httpx.post(f"{url}/answer", json={"x": 1})
        return local.target.status("tiny")[0]

    status = until(lambda: (found := state()).state == "failed" and found)
    assert status.reason.endswith("ended with status 3")
    refused = httpx.post(f"{url}/answer", json={"x": 1})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    assert local.deploy("one").url == url
    assert [httpx.post(f"{url}/answer", json={"x": x}).json()["version"] for x in range(5)] == ["one"] * 5
    assert local.target.status("tiny")[0].state == "live"


def test_a_supervisor_that_is_killed_is_followed_by_one_that_brings_everything_back(local, until):
    urls = {name: local.deploy("one", name=name).url for name in ("a", "b")}
    local.deploy("one", name="c")
    local.target.stop("c")
    pids = {name: pid_of(url) for name, url in urls.items()}
    os.kill(local.supervisor(), signal.SIGKILL)
    assert {status.name for status in local.target.status()} == {"a", "b", "c"}
    until(lambda: [status.state for status in local.target.status()] == ["live", "live", "stopped"])
    for name, url in urls.items():
        until(lambda name=name, url=url: pid_of(url) != pids[name])
    until(lambda: not any(f" {pid} " in line for pid in pids.values() for line in processes(local.folder)))


def kill_all(local):
    for number in (signal.SIGSTOP, signal.SIGKILL):  # so that none sees another end, and starts it again
        for line in processes(local.folder):
            os.kill(int(line.split()[0]), number)


def test_everything_is_brought_back_after_all_processes_were_killed(local):
    deployment = local.deploy("one", workers=2)
    second = local.deploy("two")
    kill_all(local)
    (status,) = local.target.start()
    assert (status.state, status.url, status.version) == ("live", deployment.url, second.version)
    assert httpx.post(f"{second.url}/answer", json={"x": 1}).json()["version"] == "two"


CLIENT = """\
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from tiny import ENVIRONMENT
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.local.target import LocalTarget
target = LocalTarget()
plan = target.plan(Path({bundle!r}), name="tiny", environment=ENVIRONMENT, options=LocalOptions())
print("staging", flush=True)
candidate = target.stage(plan)
print(candidate.url, flush=True)
sys.stdin.read()
"""


def start_client(bundle):
    here = str(Path(__file__).parents[2])
    return subprocess.Popen([sys.executable, "-c", CLIENT.format(here=here, bundle=str(bundle))],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def workers_of(bundle):
    return [line for line in processes(bundle) if " serve " in line]


def test_a_candidate_goes_with_its_client(local, until):
    bundle = make_bundle(local.folder, "one")
    with start_client(bundle) as client:
        assert client.stdout.readline() == "staging\n"
        assert httpx.post(f"{client.stdout.readline().strip()}/answer", json={"x": 1}).status_code == 200
        client.kill()
    until(lambda: not workers_of(bundle))
    assert local.target.status() == ()


def test_a_candidate_that_is_starting_goes_with_its_client(local, until):
    bundle = make_bundle(local.folder, "slow", source="import time\ntime.sleep(3600)\ndef answer(x): ...\n")
    with start_client(bundle) as client:
        assert client.stdout.readline() == "staging\n"
        until(lambda: workers_of(bundle))
        client.kill()
    until(lambda: not workers_of(bundle))


def test_simultaneous_clients_start_one_supervisor(local):
    clients = []
    threads = [threading.Thread(target=lambda: clients.append(connect())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients) == 8
    assert len(processes(local.folder)) == 2  # it and its keeper
    for client in clients:
        client.close()


def test_a_supervisor_is_started_ahead(local, until):
    local.target.prepare()
    until(lambda: connect(start=False)).close()


def test_what_callers_do_becomes_samples_without_the_proof(local, until):
    bundle = make_bundle(local.folder, "one")
    plan = local.target.plan(bundle, name="tiny", environment=ENVIRONMENT, options=LocalOptions())
    candidate = local.target.stage(plan)
    assert httpx.post(f"{candidate.url}/answer", json={"x": 1}).status_code == 200
    url = local.target.apply(plan, candidate, None).url
    for number in range(7):
        assert httpx.post(f"{url}/answer", json={"x": number}).status_code == 200

    def requests():
        with closing(open_registry(registry_path())) as registry:
            return sum(sample.requests for sample in list_samples(registry, "tiny", 0.0))

    until(lambda: requests() == 7)
    assert local.deploy("two").version != plan.version
    for number in range(3):
        assert httpx.post(f"{url}/answer", json={"x": number}).status_code == 200
    until(lambda: requests() == 10)
    assert 'code="200"' in httpx.get(f"{url}/metrics").text


def test_a_variable_that_was_in_memory_only_is_asked_for_after_an_unclean_stop(local, until, monkeypatch):
    make_bundle(local.folder / "bundles", "env", environment=("TINY_SECRET",))
    url = local.deploy("env", env={"TINY_SECRET": "hush"}).url
    os.kill(local.supervisor(), signal.SIGKILL)
    # The keeper has it in its memory too.
    until(lambda: [event["kind"] for event in local.target.status()[0].events][-1] == "restored")
    assert httpx.post(f"{url}/read", json={"x": "TINY_SECRET"}).json() == "hush"
    kill_all(local)
    local.target.status()
    status = until(lambda: (found := local.target.status()[0]).state == "failed" and found)
    assert "TINY_SECRET" in status.reason
    monkeypatch.setenv("TINY_SECRET", "again")
    assert local.target.start("tiny")[0].state == "live"
    assert httpx.post(f"{url}/read", json={"x": "TINY_SECRET"}).json() == "again"


def test_a_version_that_changes_while_a_client_goes_is_live_or_not_but_never_half(local, until):
    local.deploy("one")
    plan = local.target.plan(make_bundle(local.folder, "two"), name="tiny", environment=ENVIRONMENT, options=LocalOptions())
    client = connect()
    answer = client.request(
        "stage", name="tiny", version=plan.version, bundle=str(plan.bundle), environment=ENVIRONMENT.dump(),
        scale=LocalOptions().scale,
        host=None, port=None, limits={}, api_key_digest=None, variables={},
    )
    client.send("apply", candidate=answer["candidate"], notebook=None, proof=None, rollout=None)
    client.close()
    status = until(lambda: (found := local.target.status()[0]).version == plan.version and found)
    assert status.state == "live"
    assert httpx.post(f"{status.url}/answer", json={"x": 1}).json()["version"] == "two"
