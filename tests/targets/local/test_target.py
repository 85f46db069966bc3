from __future__ import annotations

import dataclasses
import socket
import sys

import httpx
import psutil
import pytest
from tiny import ENVIRONMENT, make_bundle, processes

from jupyter_deploy.errors import ServiceError, TargetError, UsageError
from jupyter_deploy.listing import format_status
from jupyter_deploy.registry import data_dir
from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.local.options import LocalOptions


def ask(url, x=1):
    return httpx.post(f"{url}/answer", json={"x": x}).json()


def test_plan_says_what_would_be_done_and_does_nothing(local):
    bundle = make_bundle(local.folder, "one")
    plan = local.target.plan(bundle, name="tiny", environment=ENVIRONMENT, options=LocalOptions(workers=2))
    assert plan.lines[0].endswith("workers: 2")
    assert not data_dir().exists()


def test_a_candidate_answers_on_a_private_port_and_is_then_the_one_that_is_live(local):
    bundle = make_bundle(local.folder, "one")
    plan = local.target.plan(bundle, name="tiny", environment=ENVIRONMENT, options=LocalOptions(), notebook="a.ipynb")
    candidate = local.target.stage(plan)
    answered = ask(candidate.url)
    assert local.target.status() == ()
    deployment = local.target.apply(plan, candidate, {"calls": 1})
    assert ask(deployment.url)["pid"] == answered["pid"]
    (status,) = local.target.status("tiny")
    assert (status.state, status.workers, status.version, status.reason) == ("live", 1, plan.version, None)
    assert (status.versions[0].notebook, status.versions[0].proof) == ("a.ipynb", {"calls": 1})


def test_what_a_worker_found_out_is_kept_and_not_measured_again(local):
    source = "def answer(x: int) -> int:\n    return sum(n * n for n in range(50_000)) * 0 + x\n"
    bundle = make_bundle(local.folder, "slow", source=source, golden=[("answer", {"x": 1}, 1)])
    plan = local.target.plan(bundle, name="tiny", environment=ENVIRONMENT, options=LocalOptions())
    candidate = local.target.stage(plan)
    measured = candidate.conduct["answer"]["grip"]
    assert measured != "unknown"
    kept = "waits" if measured == "lets go" else "lets go"  # so that measuring again would show
    conduct = {"answer": {**candidate.conduct["answer"], "grip": kept}}
    local.target.apply(plan, candidate, {"calls": 1, "equal": 1, "conduct": conduct})
    local.target.stop("tiny")
    (status,) = local.target.start("tiny")
    assert any(f"--grip answer={kept}" in line for line in processes(bundle))
    assert "a call of answer takes" in format_status(status)


def test_a_candidate_that_is_discarded_leaves_nothing(local):
    bundle = make_bundle(local.folder, "one")
    plan = local.target.plan(bundle, name="tiny", environment=ENVIRONMENT, options=LocalOptions())
    local.target.discard(local.target.stage(plan))
    assert [line for line in processes(bundle) if "serve" in line] == []
    assert local.target.status() == ()
    assert list((data_dir() / "logs").iterdir()) == list((data_dir() / "metrics").iterdir()) == []
    with pytest.raises(TargetError, match="no local deployment 'tiny'"):
        local.target.logs("tiny")


def test_a_bundle_that_does_not_start_is_told_and_what_is_live_stays(local):
    url = local.deploy("one").url
    make_bundle(local.folder / "bundles", "bad", source="print('so far')\nimport nowhere\ndef answer(x): ...\n")
    with pytest.raises(ServiceError, match=r"(?s)No module named 'nowhere'.*log ends with.*so far") as caught:
        local.deploy("bad")
    assert caught.value.where == "service.py:2"
    assert ask(url)["version"] == "one"


def test_two_deployments_run_side_by_side_each_on_its_port(local):
    first, second = local.deploy("one", name="a"), local.deploy("two", name="b")
    assert first.url != second.url
    assert (ask(first.url)["version"], ask(second.url)["version"]) == ("one", "two")
    assert [status.name for status in local.target.status()] == ["a", "b"]
    local.target.delete("a")
    assert ask(second.url)["version"] == "two"
    assert [status.name for status in local.target.status()] == ["b"]


def test_stop_start_rollback_delete(local):
    first = local.deploy("one", workers=2)
    second = local.deploy("two", workers=2)
    assert local.target.stop("tiny").state == "stopped"
    (status,) = local.target.start("tiny")
    assert (status.state, status.workers, status.url, status.version) == ("live", 2, first.url, second.version)
    assert ask(first.url)["version"] == "two"
    with pytest.raises(TargetError, match=r"no version abc\n.*\(2\).*\(1\)"):
        local.target.rollback("tiny", "abc")
    assert local.target.rollback("tiny").version == first.version
    with pytest.raises(TargetError, match="no version before"):
        local.target.rollback("tiny")
    assert local.target.rollback("tiny", second.version).url == first.url
    assert ask(first.url)["version"] == "two"
    local.target.delete("tiny")
    with pytest.raises(httpx.ConnectError):
        httpx.get(first.url)
    with pytest.raises(TargetError, match="there is no local deployment 'tiny'"):
        local.target.stop("tiny")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not forked")
def test_several_workers_are_forked_from_one_process_and_share_what_it_loaded(local):
    local.deploy("one", workers=2)
    (status,) = local.target.status("tiny")
    pids = status.details["pids"]
    (parent,) = {psutil.Process(pid).ppid() for pid in pids}
    assert "--forkable" in psutil.Process(parent).cmdline()
    assert len(pids) == 2
    assert "forked from a warm parent" in status.details["starts"]


def test_packages_that_changed_since_the_proof_are_told(local):
    carved = local.folder / "carved"
    carved.mkdir()
    (carved / "gone-1.0.dist-info").symlink_to(local.folder / "uninstalled")
    environment = dataclasses.replace(ENVIRONMENT, kind="carved", paths=(*ENVIRONMENT.paths, str(carved)))
    plan = local.target.plan(make_bundle(local.folder, "one"), name="tiny", environment=environment, options=LocalOptions())
    local.target.apply(plan, local.target.stage(plan), None)
    (status,) = local.target.status("tiny")
    names, _, told = status.warnings[0].partition(": ")
    assert "gone" in names.split(", ")  # others of the tests' own environment may have been changed as well
    assert told.startswith("changed in the notebook's environment")
    assert f"warning: {status.warnings[0]}" in format_status(status)


def test_a_port_that_is_taken(local):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TargetError, match=f"port {port}.*in use\n.*--port"):
            local.deploy("one", port=port)
    assert local.deploy("one", port=port).url == f"http://127.0.0.1:{port}"
    with pytest.raises(TargetError, match=f"port {port} belongs to the deployment 'tiny'"):
        local.deploy("one", name="other", port=port)


def test_a_new_port_moves_the_deployment(local):
    first = local.deploy("one")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert local.deploy("two", port=port).url == f"http://127.0.0.1:{port}"
    assert ask(f"http://127.0.0.1:{port}")["version"] == "two"
    with pytest.raises(httpx.ConnectError):
        httpx.get(first.url)
    assert local.deploy("one").url == f"http://127.0.0.1:{port}"


def test_another_address_needs_an_api_key(local):
    with pytest.raises(UsageError, match=r"0\.0\.0\.0 can be reached.*\n.*--api-key"):
        LocalOptions(host="0.0.0.0")
    url = local.deploy("one", host="0.0.0.0", api_key="geheim").url
    assert httpx.post(f"{url}/answer", json={"x": 1}).status_code == 401
    headers = {"authorization": "Bearer geheim"}
    assert httpx.post(f"{url}/answer", json={"x": 1}, headers=headers).status_code == 200
    with pytest.raises(TargetError, match="there is no API key"):
        local.deploy("two")
    with pytest.raises(TargetError, match="would remove it"):
        local.deploy("two", host="127.0.0.1")


def test_environment_variables_are_passed_and_never_written(local, monkeypatch):
    make_bundle(local.folder / "bundles", "env", environment=("TINY_SECRET",))
    with pytest.raises(UsageError, match="reads the environment variable TINY_SECRET, which is not set"):
        local.deploy("env")
    monkeypatch.setenv("TINY_SECRET", "hush-hush")
    monkeypatch.setenv("TINY_OTHER", "not asked for")
    url = local.deploy("env", env={"TINY_MORE": "more"}).url
    read = {key: httpx.post(f"{url}/read", json={"x": key}).json() for key in ("TINY_SECRET", "TINY_OTHER", "TINY_MORE")}
    assert read == {"TINY_SECRET": "hush-hush", "TINY_OTHER": "", "TINY_MORE": "more"}
    written = [path for path in data_dir().rglob("*") if path.is_file() and b"hush-hush" in path.read_bytes()]
    assert written == []


def test_a_variable_that_only_the_notebook_set_is_named_with_where_to_start_it_from(local, monkeypatch):
    make_bundle(local.folder / "bundles", "env", environment=("TINY_SECRET",))
    local.deploy("env", env={"TINY_SECRET": "hush-hush"})
    local.target.stop("tiny")
    stop_supervisor()
    with pytest.raises(TargetError, match=r"TINY_SECRET, which is not set here.*\n.*%deploy --start tiny"):
        local.target.start("tiny")
    monkeypatch.setenv("TINY_SECRET", "hush-hush")
    assert local.target.start("tiny")[0].state == "live"


def test_logs_are_parsed_and_name_their_version(local):
    first, second = local.deploy("one"), local.deploy("two")
    ready = [line for line in local.target.logs("tiny") if "ready" in line["message"]]
    assert [line["version"] for line in ready] == [first.version, second.version]


@pytest.mark.parametrize("name", ["--evil", "a;b", "../x", "", "A", "a b", "-a", "a" * 64, "ä", "a\n"])
def test_hostile_names_are_refused(local, name):
    bundle = make_bundle(local.folder, "one")
    with pytest.raises(UsageError, match="cannot name a deployment"):
        local.target.plan(bundle, name=name, environment=ENVIRONMENT, options=LocalOptions())
    with pytest.raises(UsageError, match="cannot name a deployment"):
        local.target.stop(name)


@pytest.mark.parametrize("options", [{"workers": 0}, {"port": 0}, {"port": 70000}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError, match="wanted"):
        LocalOptions(**options)
