"""An exported project: plain `docker build` makes the image of it that nbdeploy makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers import docker, inspect, running
from engine import BASE
from live_notebook import LiveNotebook, nbdeploy

from jupyter_deploy.export import ExportOptions, export
from jupyter_deploy.image import Image
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.targets.target import find_target

BUILT = f"scaling-exported-{os.getpid()}:1"
NAMED = f"scaling-named-{os.getpid()}"


@pytest.fixture(scope="module")
def project(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(bundle, tmp_path_factory.mktemp("exported") / "project", ExportOptions(base=BASE))


@pytest.fixture(scope="module", params=["0", "1"], ids=["classic", "buildkit"])
def built(project: Path, engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the image that `docker build` makes, with either of its builders."""
    builder = {**os.environ, "DOCKER_BUILDKIT": request.param}
    program = find_docker(builder)
    if program is None:
        pytest.skip("no `docker` command here has BuildKit")
    done = subprocess.run([program, "build", "--quiet", "--no-cache", "--network", "none", "--tag", BUILT, "."], cwd=project,
                          capture_output=True, text=True, timeout=280, check=False, env=builder)
    assert done.returncode == 0, done.stderr
    yield BUILT
    engine.remove_image(BUILT)


def find_docker(builder: dict[str, str]) -> str | None:
    """Find a `docker` command that has a builder: newer ones have BuildKit as a plugin only, which may be missing."""
    programs = (shutil.which("docker", path=folder) for folder in os.get_exec_path())
    return next((one for one in programs if one is not None and subprocess.run(
        [one, "build", "--help"], capture_output=True, timeout=60, check=False, env=builder).returncode == 0), None)


def test_docker_build_gives_the_layers_of_nbdeploy(built: str, image: Image) -> None:
    assert inspect(built, ".RootFS.Layers") == inspect(image.reference, ".RootFS.Layers")
    for key in ("Entrypoint", "Cmd", "User", "Env", "Labels", "ExposedPorts", "Healthcheck"):
        assert inspect(built, f".Config.{key}") == inspect(image.reference, f".Config.{key}"), key


def test_it_answers_the_golden_calls_wherever_it_listens(built: str, project: Path) -> None:
    manifest = json.loads((project / "bundle.json").read_text())
    with running(built, "--env", "PORT=9100", "--read-only", port=9100, arguments=("serve",)) as container:
        for call in manifest["golden"]:
            golden = json.loads((project / call["file"]).read_text())
            assert container.ask("POST", f"/{call['entry']}", golden["request"]) == (200, golden["answer"])


def test_it_lists_what_it_is_made_of(project: Path, image: Image) -> None:
    assert (project / "image" / "sbom.cdx.json").read_text() == image.sbom.read_text()
    lock = (project / "image" / "requirements.lock").read_text()
    assert docker("run", "--rm", "--entrypoint", "cat", image.reference, "/environment/requirements.lock") == lock.strip()
    assert lock.count("--hash=sha256:") == len(list((project / "image" / "wheels").glob("*.whl"))) > 0


def test_an_edit_is_sealed(project: Path) -> None:
    service = (project / "service.py").read_text()
    bundle = (project / "bundle.json").read_bytes()
    try:
        (project / "service.py").write_text(service + "# edited\n")
        run = [sys.executable, str(project / "tests" / "test_golden.py")]
        assert subprocess.run(run, capture_output=True, check=False, timeout=120).returncode != 0
        assert "sealed" in subprocess.run([sys.executable, str(project / "tests" / "seal.py")], capture_output=True, text=True,
                                          check=True, timeout=60).stdout
        assert "2 golden calls equal" in subprocess.run(run, capture_output=True, text=True, check=True, timeout=120).stdout
    finally:
        (project / "service.py").write_text(service)
        (project / "bundle.json").write_bytes(bundle)


def test_wheels_can_be_left_out_and_fetched_as_the_readme_says(bundle: Path, project: Path, tmp_path: Path) -> None:
    light = export(bundle, tmp_path / "light", ExportOptions(base=BASE, wheels=False))
    assert not list((light / "image" / "wheels").glob("*.whl"))
    assert (light / "Dockerfile").read_bytes() == (project / "Dockerfile").read_bytes()
    readme = (light / "README.md").read_text()
    start = readme.index("pip download")
    command = readme[start:readme.index("\n\n", start)].replace("\\\n", " ").split()
    done = subprocess.run([sys.executable, "-m", *command], cwd=light, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in light.glob("image/wheels/*")) == sorted(
        path.name for path in project.glob("image/wheels/*"))


def test_the_command_builds_and_exports_by_the_endpoints_name(jupyter_folders: Path, tmp_path: Path, engine: Engine) -> None:
    live = LiveNotebook(tmp_path)
    try:
        live.run("def double(x: int) -> int:\n    return 2 * x", "double(4)")
        version = live.deploy(f"double --name {NAMED}")["version"]
        done = nbdeploy("build", NAMED, "--base", BASE, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["reference"] == f"{NAMED}:{version}"
        assert nbdeploy("export", NAMED, str(tmp_path / "project"), "--base", BASE).returncode == 0
        assert (tmp_path / "project" / "Dockerfile").is_file()
        assert "no local deployment" in nbdeploy("build", "never-deployed", "--base", BASE).stderr
    finally:
        live.close()
        engine.remove_image(f"{NAMED}:{version}")
        find_target("local").delete(NAMED)
