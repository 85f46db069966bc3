from __future__ import annotations

import contextlib
import os
import signal

import pytest
from tiny import Local, processes, wait_until

from jupyter_deploy.registry import data_dir
from jupyter_deploy.targets.local.control import LOCK
from jupyter_deploy.targets.local.target import LocalTarget


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "run"))
    local = Local(tmp_path, LocalTarget())
    yield local
    if (data_dir() / LOCK).exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(local.supervisor(), signal.SIGTERM)
    wait_until(lambda: not processes(tmp_path), 30)
