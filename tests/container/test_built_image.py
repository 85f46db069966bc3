"""An image from a notebook, built and proven by a real engine."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from containers import docker, inspect, list_containers
from engine import BASE

from jupyter_deploy.errors import ImageError, ProofError
from jupyter_deploy.image import BuildOptions, Image, build_image
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.runtime.manifest import MANIFEST, read_manifest

AGAIN, ALIAS, STOPPED, WRONG = (f"scaling-{name}-{os.getpid()}:1"
                                         for name in ("again", "base", "stopped", "wrong"))


def rewrite(bundle: Path, folder: Path, path: str, old: str, new: str) -> Path:
    """Copy a bundle with one file changed and its hash brought up to date, as if it had been captured so."""
    import hashlib

    shutil.copytree(bundle, folder)
    (folder / path).write_text((folder / path).read_text().replace(old, new))
    manifest = read_manifest(folder)
    files = {**manifest.files, path: hashlib.sha256((folder / path).read_bytes()).hexdigest()}
    (folder / MANIFEST).write_bytes(dataclasses.replace(manifest, files=files).dump())
    return folder


def test_it_is_proven_named_and_described(image: Image, bundle: Path) -> None:
    assert (image.proof.calls, image.proof.equal) == (2, 2)
    assert image.reference == f"scaling-{os.getpid()}:{image.version}"
    assert [layer.name for layer in image.layers] == ["environment", "bytecode", "runtime", "state", "service"]
    assert inspect(image.reference, ".Id") == image.id
    assert inspect(image.reference, ".Config.User") == "65532:65532"
    labels = inspect(image.reference, ".Config.Labels")
    assert labels["org.opencontainers.image.version"] == image.version == labels["nbdeploy.version"][:12]
    assert json.loads(labels["nbdeploy.schema"])["scale"]["parameters"]["x"] == {"kind": "float"}
    components = json.loads(image.sbom.read_text())["components"]
    assert {one["name"] for one in components} == {"httptools", "orjson", "uvloop", "python", BASE}
    assert list_containers(bundle) == []


def test_it_holds_no_tool_that_only_a_build_needs(image: Image) -> None:
    files = docker("run", "--rm", "--user", "0", "--entrypoint", "find", image.reference, "/", "-xdev", "-type", "f").splitlines()
    assert any(file.startswith("/environment/uvloop/") for file in files)
    left = [file for file in files if file.startswith(("/project", "/layers")) or "/pip/" in file or file.endswith(".whl")]
    assert not left
    compiled = [file for file in files if file.endswith(".pyc")]
    assert any(file.startswith("/service/runtime/__pycache__") for file in compiled)


def test_the_same_bundle_gives_the_same_layers(image: Image, bundle: Path, engine: Engine) -> None:
    before = inspect(image.reference, ".RootFS.Layers")
    # Under another name of the base no part is there yet, and without its cache the engine does everything again.
    docker("tag", BASE, ALIAS)
    again = subprocess.run([sys.executable, "-c", NO_CACHE, str(bundle), ALIAS, AGAIN],
                           capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert inspect(AGAIN, ".RootFS.Layers") == before
    for name in (AGAIN, ALIAS):
        engine.remove_image(name)


NO_CACHE = """
import functools, sys
from pathlib import Path
import docker.api.build
docker.api.build.BuildApiMixin.build = functools.partialmethod(docker.api.build.BuildApiMixin.build, nocache=True)
from jupyter_deploy.image import BuildOptions, build_image
build_image(Path(sys.argv[1]), options=BuildOptions(base=sys.argv[2], tag=sys.argv[3]))
"""


def test_edited_code_rebuilds_only_the_last_layer(image: Image, bundle: Path, tmp_path: Path, engine: Engine) -> None:
    edited = rewrite(bundle, tmp_path / "edited", "service.py", "x * sum(factors)", "sum(factors) * x")
    steps: list[str] = []
    built = build_image(edited, options=BuildOptions(base=BASE), say=steps.append)
    assert [step.split()[0] for step in steps] == ["FROM", "COPY", "LABEL"]
    assert steps[0].startswith("FROM nbdeploy/content:")
    assert inspect(built.reference, ".RootFS.Layers")[:-1] == inspect(image.reference, ".RootFS.Layers")[:-1]
    assert built.reference != image.reference
    engine.remove_image(built.reference)


def test_an_image_that_answers_otherwise_gets_no_name(bundle: Path, tmp_path: Path) -> None:
    wrong = rewrite(bundle, tmp_path / "wrong", "service.py", "x * sum(factors)", "x * sum(factors) + 1")
    with pytest.raises(ProofError, match=r"(?s)0 of 2 golden calls equal.*answer.value +999000.0 +999001.0"):
        build_image(wrong, options=BuildOptions(base=BASE, tag=WRONG))
    assert docker("images", "--quiet", WRONG) == ""
    assert list_containers(bundle) == []


def test_an_interrupted_build_leaves_no_container_and_no_name(bundle: Path, image: Image) -> None:
    command = [sys.executable, "-m", "jupyter_deploy", "build", str(bundle), "--base", BASE, "--tag", STOPPED]
    # Where the tests run in the background, they were started with Ctrl-C ignored.
    heed = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731 - one line more explains less
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        for _ in range(1200):
            if list_containers(bundle):
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert "interrupted" in process.communicate(timeout=60)[1]
    assert list_containers(bundle) == []
    assert docker("images", "--quiet", STOPPED) == ""


@pytest.mark.parametrize(("options", "message"), [
    (BuildOptions(base="nbdeploy-no-such-base:1"), "pull the base image nbdeploy-no-such-base:1"),
    (BuildOptions(base=BASE, tag=f"localhost:1/scaling:{os.getpid()}", push=True), "push localhost:1/scaling|refused"),
])
def test_what_the_engine_refuses_is_said(options: BuildOptions, message: str, bundle: Path, image: Image, engine: Engine) -> None:
    with pytest.raises(ImageError, match=message):
        build_image(bundle, options=options)
    assert list_containers(bundle) == []
    engine.remove_image(f"localhost:1/scaling:{os.getpid()}")
