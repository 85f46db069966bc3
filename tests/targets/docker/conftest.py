from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import engine
import pytest
from tiny_docker import Docker

from jupyter_deploy.targets.local.client import stop_supervisor


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of all tests are fetched once."""
    if reason := engine.why_not():
        pytest.skip(reason)
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture
def docker(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "data" / "nbdeploy").mkdir(parents=True)
    (tmp_path / "data" / "nbdeploy" / "wheels").symlink_to(wheels)
    docker = Docker(tmp_path)
    yield docker
    stop_supervisor()
    for container in docker.containers():
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False, timeout=60)
    for image in docker.images():
        subprocess.run(["docker", "rmi", "--force", image], capture_output=True, check=False, timeout=60)
