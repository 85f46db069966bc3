from __future__ import annotations

import pytest
from tiny import Local, processes, wait_until

from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.local.target import LocalTarget


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "run"))
    local = Local(tmp_path, LocalTarget())
    yield local
    stop_supervisor()
    wait_until(lambda: not processes(tmp_path), 30)


@pytest.fixture
def until():
    return wait_until
