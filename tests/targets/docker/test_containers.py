"""Deployments in containers of a real engine: takeover under load, limits, restarts, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from callers import Load
from tiny import wait_until
from tiny_docker import Docker, inspect

from jupyter_deploy.errors import DeployError, ImageError, ServiceError, TargetError, UsageError
from jupyter_deploy.image.engine import connect
from jupyter_deploy.listing import format_statuses
from jupyter_deploy.registry import data_dir, list_samples, open_registry, registry_path
from jupyter_deploy.runtime.manifest import Hardware
from jupyter_deploy.targets.deployments import find_targets
from jupyter_deploy.targets.docker import containers


def test_no_request_is_lost_when_a_version_takes_over_and_is_rolled_back(docker: Docker) -> None:
    first = docker.deploy("one")
    with Load(first.url).running() as load:
        wait_until(lambda: load.versions()["one"] > 50, 60)
        second = docker.deploy("two")
        assert second.url == first.url
        wait_until(lambda: load.versions()["two"] > 50, 60)
        assert docker.target.rollback("tiny").version == first.version
        seen = load.versions()["one"]
        wait_until(lambda: load.versions()["one"] > seen + 50, 60)
    assert load.failures == []
    (status,) = docker.target.status("tiny")
    assert (status.state, status.target, status.version, status.workers) == ("live", "docker", first.version, 1)
    assert [event["kind"] for event in status.events] == ["deployed", "deployed", "rolled-back"]
    assert [item.version for item in status.versions] == [second.version, first.version]
    wait_until(lambda: len(docker.containers()) == 1, 90)
    assert {line["version"] for line in docker.target.logs("tiny")} == {first.version, second.version}
    with open_registry(registry_path()) as registry:
        assert sum(sample.requests for sample in list_samples(registry, "tiny", 0.0)) > 50
    registry.close()


def test_what_a_container_found_out_about_its_entries_is_told(docker: Docker) -> None:
    candidate = docker.stage("one", source="def answer(x: int) -> int:\n    return x\n", golden=[("answer", {"x": 1}, 1)])
    assert candidate.conduct["answer"]["grip"] == "unknown"
    assert candidate.conduct["answer"]["alone"] == "it does not take a table"


def test_a_version_that_comes_back_is_not_measured_again(docker: Docker) -> None:
    source = "import time\ndef answer(x: int) -> int:\n    time.sleep(0.01)\n    return x\n"
    plan = docker.plan("one", source=source, golden=[("answer", {"x": 1}, 1)])
    candidate = docker.target.stage(plan)
    grip = candidate.conduct["answer"]["grip"]
    assert grip in ("waits", "lets go")
    docker.target.apply(plan, candidate, {"calls": 1, "equal": 1, "conduct": candidate.conduct})
    docker.target.stop("tiny")
    docker.target.start("tiny")
    (container,) = docker.containers()
    assert inspect(container, "{{json .Config.Cmd}}").endswith(f'"--grip","answer={grip}"]')


def test_a_container_gets_the_limits_that_its_proof_suggests(docker: Docker) -> None:
    if not connect().limited:
        pytest.skip("this engine cannot limit containers")
    docker.deploy("one", api_key="secret")
    (container,) = docker.containers()
    shown = inspect(container, "{{.HostConfig.Memory}} {{.HostConfig.CpuQuota}} {{.HostConfig.ReadonlyRootfs}} "
                               "{{.HostConfig.RestartPolicy.Name}} {{.Config.User}} {{index .HostConfig.LogConfig.Config \"max-size\"}}")
    assert shown == f"{192 << 20} 100000 true unless-stopped 65532:65532 16m"
    assert inspect(container, "{{(index (index .NetworkSettings.Ports \"8080/tcp\") 0).HostIp}}") == "127.0.0.1"
    (status,) = docker.target.status("tiny")
    assert httpx.post(f"{status.url}/answer", json={"x": 1}).status_code == 401
    assert httpx.post(f"{status.url}/answer", json={"x": 1}, headers={"X-API-Key": "secret"}).json()["x"] == 1
    with pytest.raises(TargetError, match="would remove it"):
        docker.deploy("two")


def test_a_container_that_dies_is_restarted_behind_the_same_address(docker: Docker) -> None:
    url = docker.deploy("one").url
    (container,) = docker.containers()
    os.kill(int(inspect(container, "{{.State.Pid}}")), signal.SIGKILL)

    def answers() -> bool:
        try:
            return httpx.post(f"{url}/answer", json={"x": 1}).status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(lambda: inspect(container, "{{.RestartCount}}") == "1", 60)
    wait_until(answers, 60)
    assert docker.target.status("tiny")[0].details["restarts"] == 1


def test_stop_answers_what_was_accepted_and_start_brings_it_back(docker: Docker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # not one of those that other tests' endpoints take while this one is stopped
    url = docker.deploy("one", port=port).url
    answers = []
    caller = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/wait", json={"x": 2.0}, timeout=30).json()))
    caller.start()
    wait_until(lambda: "in_progress 1" in httpx.get(f"{url}/metrics").text, 30)
    assert docker.target.stop("tiny").state == "stopped"
    caller.join()
    assert answers == [2.0]
    assert docker.containers() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    assert docker.target.start("tiny")[0].state == "live"
    assert httpx.post(f"{url}/answer", json={"x": 3}).json()["x"] == 3
    assert [status.name for target in find_targets(None) for status in target.status()] == ["tiny"]
    docker.target.delete("tiny")
    assert docker.containers() == []
    assert docker.target.status() == ()
    assert not (data_dir() / "logs" / "tiny").exists()


def test_a_gpu_that_the_engine_cannot_give_is_refused_in_a_sentence(docker: Docker) -> None:
    with pytest.raises(ImageError, match=r"needs a GPU.*(device driver|nvidia)") as caught:
        docker.stage("one", hardware=Hardware("needed"))
    assert "--no-gpu" in str(caught.value.advice)
    assert docker.containers() == []


def test_a_service_that_does_not_start_leaves_nothing(docker: Docker) -> None:
    with pytest.raises(ServiceError, match="broken on purpose"):
        docker.stage("one", source="raise ValueError('broken on purpose')\ndef answer(x: int) -> int:\n    return x\n")
    assert docker.containers() == []
    assert docker.target.status() == ()


def test_a_candidate_that_is_discarded_leaves_nothing(docker: Docker) -> None:
    candidate = docker.stage("one")
    assert httpx.post(f"{candidate.url}/answer", json={"x": 1}).json()["version"] == "one"
    docker.target.discard(candidate)
    assert docker.containers() == []
    assert docker.target.status() == ()


def test_a_name_and_a_port_belong_to_one_deployment(docker: Docker) -> None:
    url = docker.deploy("one").url
    with pytest.raises(TargetError, match="belongs to the deployment 'tiny'"):
        docker.stage("one", name="other", port=int(url.rpartition(":")[2]))
    with pytest.raises(UsageError, match="no API key"):
        docker.plan("one", host="0.0.0.0")


def test_without_an_engine_nothing_is_begun(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{docker.folder}/none.sock")
    began = time.monotonic()
    with pytest.raises(DeployError, match="no container engine answers"):
        docker.stage("one")
    assert time.monotonic() - began < 60
    monkeypatch.delenv("DOCKER_HOST")


def test_what_wants_an_engine_that_is_away_changes_nothing(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.deploy("one")
    with monkeypatch.context() as away:
        away.setenv("DOCKER_HOST", f"unix://{docker.folder}/none.sock")
        for change in (docker.target.stop, docker.target.delete):
            with pytest.raises(DeployError, match="no container engine answers"):
                change("tiny")
        lines = format_statuses(docker.target.status()).splitlines()
    assert lines[-1].startswith("tiny: no container engine answers")
    (status,) = docker.target.status("tiny")
    assert (status.state, status.reason) == ("live", None)


def test_a_port_stays_with_a_container_that_is_down_whoever_has_it(docker: Docker, tmp_path: Path) -> None:
    docker.deploy("one")
    ours = containers.Containers(connect(), data_dir())
    (down,) = ours.find_all("tiny")
    connect().api.kill(down.id)
    ours.wait(down.id, 30)
    assert down.port in containers.Containers(connect(), tmp_path)._taken()
    (status,) = docker.target.status("tiny")
    assert status.reason == "its container ended with status 137; nbdeploy start tiny starts a new one"


def answers_itself(port: int | None) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port or 0)) == 0


def test_callers_are_never_sent_to_somebody_else_on_the_port_of_a_container_that_is_gone(docker: Docker) -> None:
    url = docker.deploy("one").url
    ours = containers.Containers(connect(), data_dir())
    (gone,) = ours.find_all("tiny")
    with httpx.Client() as kept:
        kept.post(f"{url}/answer", json={"x": 1}).raise_for_status()
        ours.remove(gone.id)
        with subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(gone.port)], cwd=docker.folder,
                              stderr=subprocess.DEVNULL) as stranger:
            try:
                wait_until(lambda: answers_itself(gone.port), 30)
                time.sleep(5)  # the supervisor looks once a second who answers
                with pytest.raises(httpx.HTTPError):
                    kept.get(url, timeout=3)
                with pytest.raises(httpx.HTTPError):
                    httpx.get(url, timeout=3)
            finally:
                stranger.terminate()
    assert docker.target.start("tiny")[0].state == "live"
    assert httpx.post(f"{url}/answer", json={"x": 3}).json()["x"] == 3


def test_a_port_that_another_program_takes_meanwhile_is_left_to_it(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        lost = sock.getsockname()[1]
        real = containers._find_port
        # As when it was free a moment ago: what is chosen first is taken by the time that the engine wants it.
        monkeypatch.setattr(containers, "_find_port", lambda taken: real(taken) if lost in taken else lost)
        assert httpx.post(f"{docker.deploy('one').url}/answer", json={"x": 1}).json()["x"] == 1
    assert len(docker.containers()) == 1
