"""The supervisor as a process: what it imports, when it ends, and who follows it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tiny import processes

import jupyter_deploy
from jupyter_deploy.errors import TargetError
from jupyter_deploy.registry import data_dir
from jupyter_deploy.targets.local import client
from jupyter_deploy.targets.local.client import connect, stop_supervisor

PACKAGE = Path(jupyter_deploy.__file__).parent


def start_supervisor(local, *options):
    data_dir().mkdir(parents=True)
    reading, writing = os.pipe()
    subprocess.run(
        [sys.executable, "-I", "-S", str(PACKAGE / "targets" / "local"), "--data", str(data_dir()),
         "--runtime", str(local.folder / "run"), "--ready", str(writing), *options],
        pass_fds=(writing,), check=True,
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        return answer.read()


def test_it_ends_when_it_has_held_nothing_for_a_while(local, until):
    assert start_supervisor(local, "--idle", "0.1") == b"ready\n"
    until(lambda: not processes(local.folder))
    assert list((local.folder / "run").iterdir()) == []


def test_it_says_why_it_cannot_start(local):
    data_dir().mkdir(parents=True)
    (data_dir() / "registry.db").write_bytes(b"damaged" * 100)
    with pytest.raises(TargetError, match=r"registry of deployments cannot be read"):
        connect()


def test_only_its_user_can_reach_it(local):
    with connect():
        assert stat.S_IMODE((local.folder / "run" / "nbdeploy" / "control.sock").stat().st_mode) == 0o600


def test_it_runs_on_the_standard_library():
    code = ("import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]);"
            "import jupyter_deploy.targets.local.server;"
            "print(*{name.split('.')[0] for name in set(sys.modules) - before})")
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(PACKAGE.parent)],
                           capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) - sys.stdlib_module_names == {"jupyter_deploy"}


def test_a_request_that_makes_no_sense_does_not_end_it(local):
    with connect() as one:
        with pytest.raises(TargetError, match="failed: KeyError"):
            one.request("fly")
        assert one.request("status") == {"services": {}, "forwards": {}}


def test_stopping_it_leaves_no_process_and_the_next_one_brings_everything_back(local, until):
    url = local.deploy("one").url
    stop_supervisor()
    until(lambda: not processes(local.folder))
    assert [status.name for status in local.target.status()] == ["tiny"]
    until(lambda: local.target.status()[0].state == "live")
    assert httpx.post(f"{url}/answer", json={"x": 1}).json()["version"] == "one"


def test_a_supervisor_of_another_release_is_replaced_when_told_or_when_it_holds_nothing(local, monkeypatch):
    other = local.folder / "other"
    shutil.copytree(PACKAGE, other / "jupyter_deploy", ignore=shutil.ignore_patterns("__pycache__"))
    (other / "jupyter_deploy" / "__init__.py").write_text('__version__ = "0.0.1"\n')
    monkeypatch.setattr(client, "__file__", str(other / "jupyter_deploy" / "targets" / "local" / "client.py"))
    monkeypatch.setattr(client, "__version__", "0.0.1")
    url = local.deploy("one").url
    monkeypatch.undo()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(local.folder / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(local.folder / "run"))
    with pytest.raises(TargetError, match=r"held by a supervisor of nbdeploy 0\.0\.1; this is .*\n.*start --all"):
        local.target.status()
    (status,) = local.target.start()
    assert (status.state, status.url) == ("live", url)
    with connect() as one:
        assert one.request("hello")["version"] == jupyter_deploy.__version__
