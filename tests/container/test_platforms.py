"""One image for all: run the way each platform runs it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from containers import docker, inspect, running
from engine import BASE

from jupyter_deploy.image import BuildOptions, Image, build_image
from jupyter_deploy.image.engine import Engine

ANSWER = {"value": 999000.0}
TENSOR = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [2.0]}]}


def test_knative_and_cloud_run_choose_the_port(image: Image) -> None:
    with running(image.reference, "--env", "PORT=9123", "--read-only", port=9123) as container:
        assert container.ask("GET", "/v2/health/ready") == (200, {"ready": True, "live": True})
        assert container.ask("POST", "/scale", {"x": 2.0}) == (200, ANSWER)
        status, answer = container.ask("POST", "/v2/models/scale/infer", TENSOR)
        assert (status, answer["model_name"]) == (200, "scale")


def test_kubernetes_restricted(image: Image) -> None:
    """As the restricted pod security standard wants it, under a user that the image does not know."""
    options = ["--read-only", "--user", "12345:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    with running(image.reference, *options) as container:
        assert container.ask("POST", "/scale", {"x": 2.0}) == (200, ANSWER)
        assert docker("exec", container.identity, "id", "-u") == "12345"


def test_a_service_may_want_a_place_for_temporary_files(make_bundle: Callable[..., Path], engine: Engine) -> None:
    """As torch does when transformers is imported: the proof gives it `/tmp`, which platforms have as well."""
    place = "import tempfile\nplace = tempfile.NamedTemporaryFile\n"
    bundle = make_bundle(f"temporary-{os.getpid()}", place, """
def scale(x: float, root: bool = False) -> float:
    with place("w+") as file:
        file.write(str(x))
        file.seek(0)
        return float(file.read())
""")
    built = build_image(bundle, options=BuildOptions(base=BASE))
    engine.remove_image(built.reference)
    assert (built.proof.calls, built.proof.equal) == (2, 2)


def test_sagemaker_says_serve_and_is_root(image: Image) -> None:
    with running(image.reference, "--user", "0", arguments=("serve",)) as container:
        assert container.ask("GET", "/ping")[0] == 200
        assert container.ask("POST", "/invocations", {"x": 2.0}) == (200, ANSWER)


def test_the_engine_sees_its_health(image: Image) -> None:
    with running(image.reference, "--health-interval", "1s", "--env", "PORT=9000", port=9000) as container:
        for _ in range(60):
            health = inspect(container.identity, ".State.Health.Status")
            if health == "healthy":
                break
            time.sleep(0.5)
        assert health == "healthy"


@pytest.mark.parametrize("signal", ["TERM"])
def test_it_drains_when_it_is_told_to_stop(image: Image, signal: str) -> None:
    with running(image.reference) as container:
        docker("kill", "--signal", signal, container.identity)
        assert docker("wait", container.identity) == "0"
        assert "drained" in container.logs()


def test_a_port_that_is_none_is_said(image: Image) -> None:
    done = subprocess.run(["docker", "run", "--rm", "--env", "PORT=http", image.reference], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 2
    assert "http" in done.stderr
