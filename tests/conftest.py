from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_notebook import LiveNotebook
from site_folder import SiteFolder
from tiny import Local, processes, wait_until

from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.local.target import LocalTarget
from jupyter_deploy.targets.target import find_target


@pytest.fixture
def site_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    """Give an empty site folder that comes first on `sys.path`."""
    folder = SiteFolder(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(str(folder.path))
    return folder


@pytest.fixture(scope="session")
def jupyter_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point Jupyter's folders to a place of this test run's own; whatever runs there is ended afterwards."""
    folder = tmp_path_factory.mktemp("jupyter")
    patch = pytest.MonkeyPatch()
    patch.setenv("JUPYTER_DATA_DIR", str(folder / "data"))
    patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    yield folder
    stop_supervisor()
    patch.undo()


@pytest.fixture
def deletes_deployments(jupyter_folders: Path) -> Iterator[None]:
    """Delete all deployments afterwards."""
    yield
    target = find_target("local")
    for status in target.status():
        target.delete(status.name)


@pytest.fixture
def notebook(deletes_deployments: None, tmp_path: Path) -> Iterator[LiveNotebook]:
    """Give a fresh kernel whose working directory is `tmp_path`; its deployments are deleted afterwards."""
    live = LiveNotebook(tmp_path)
    yield live
    live.close()


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    """Give the local target on folders of its own; its supervisor ends afterwards."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "run"))
    yield Local(tmp_path, LocalTarget())
    stop_supervisor()
    wait_until(lambda: not processes(tmp_path), 30)


@pytest.fixture
def until() -> object:
    """Give what waits for a condition."""
    return wait_until
