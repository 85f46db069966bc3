"""The image on AWS Lambda: beside the adapter, frozen between events, with nothing to write to but /tmp."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers import docker
from engine import BASE
from lambda_adapter import Adapter

from jupyter_deploy.image import BuildOptions, Image, build_image
from jupyter_deploy.image.dockerfile import LAMBDA_ADAPTER
from jupyter_deploy.image.engine import Engine

SANDBOX = ("--read-only", "--tmpfs", "/tmp", "--user", "993:990", "--ipc", "none", "--cap-drop", "ALL",
           "--security-opt", "no-new-privileges")
ANSWER = (200, {"value": 999000.0})


@pytest.fixture(scope="module")
def lambda_image(bundle: Path, image: Image, engine: Engine) -> Iterator[str]:
    """Build an image with `--lambda`; the adapter comes from its own registry, so a stand-in has its name here."""
    name, _, version = LAMBDA_ADAPTER.rpartition(":")
    own = engine.find(LAMBDA_ADAPTER) is None
    if own:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("lambda-adapter")
            entry.size, entry.mode = 4, 0o755
            tar.addfile(entry, io.BytesIO(b"stub"))
        engine.api.import_image_from_data(archive.getvalue(), repository=name, tag=version)
    tag = f"scaling-lambda-{os.getpid()}:1"
    before = list_environments()
    try:
        built = build_image(bundle, options=BuildOptions(base=BASE, tag=tag, lambda_adapter=True))
        assert "lambda-adapter" in [layer.name for layer in built.layers]
        yield tag
    finally:
        for one in (tag, *([LAMBDA_ADAPTER, *(list_environments() - before)] if own else [])):
            engine.remove_image(one)


def list_environments() -> set[str]:
    return set(docker("images", "nbdeploy/environment", "--format", "{{.Repository}}:{{.Tag}}").split())


@pytest.fixture(scope="module")
def sandbox(lambda_image: str) -> Iterator[tuple[str, Adapter]]:
    """Run it as Lambda does, and give the container and the adapter, which has not asked yet."""
    container = docker("run", "--detach", "--publish", "127.0.0.1::8080", *SANDBOX, lambda_image)
    adapter = Adapter(lambda_image, int(docker("port", container, "8080/tcp").rpartition(":")[2]))
    try:
        yield container, adapter
    finally:
        adapter.close()
        docker("rm", "--force", container)


@pytest.fixture
def adapter(sandbox: tuple[str, Adapter]) -> Adapter:
    sandbox[1].wait_until_ready()
    return sandbox[1]


def test_the_adapter_lies_where_lambda_looks(lambda_image: str) -> None:
    listed = docker("run", "--rm", "--entrypoint", "ls", lambda_image, "-l", "/opt/extensions")
    assert listed.split("\n")[1].startswith("-rwxr-xr-x")


def test_no_event_comes_before_the_service_is_ready(sandbox: tuple[str, Adapter]) -> None:
    _, adapter = sandbox
    assert set(adapter.wait_until_ready()) <= {503}
    assert adapter.invoke("/scale", {"x": 2.0}) == ANSWER


def test_a_start_that_takes_longer_than_lambda_waits_goes_on(sandbox: tuple[str, Adapter]) -> None:
    assert sandbox[1].settings["ASYNC_INIT"] == "true"


def test_events_come_over_a_kept_connection_with_what_the_adapter_adds(adapter: Adapter) -> None:
    assert [adapter.invoke("/scale", {"x": 2.0}) for _ in range(50)] == [ANSWER] * 50
    status, answer = adapter.invoke("/scale", {"x": "two"})
    assert (status, answer["error"]["field"]) == (422, "x")


def test_a_direct_call_reaches_the_first_function(adapter: Adapter) -> None:
    assert adapter.invoke_directly({"x": 2.0}) == ANSWER[1]
    assert adapter.invoke_directly({"instances": [{"x": 2.0}]}) == {"predictions": [ANSWER[1]]}
    assert adapter.invoke_directly({"Records": []})["error_code"] == "BAD_REQUEST"


@pytest.mark.parametrize("seconds", [1.0, 6.0])
def test_the_first_event_after_a_freeze_is_answered(sandbox: tuple[str, Adapter], adapter: Adapter, seconds: float) -> None:
    """Shorter and longer than the adapter keeps its connection."""
    assert adapter.invoke("/scale", {"x": 2.0}) == ANSWER
    docker("pause", sandbox[0])
    time.sleep(seconds)
    docker("unpause", sandbox[0])
    assert adapter.invoke("/scale", {"x": 2.0}) == ANSWER
    assert "error" not in docker("logs", sandbox[0])
