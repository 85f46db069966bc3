from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from jupyter_deploy.errors import TargetError
from jupyter_deploy.registry import data_dir, list_deployments, open_registry, registry_path


def test_the_registry_is_under_jupyters_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert data_dir() == tmp_path / "nbdeploy"
    assert registry_path() == tmp_path / "nbdeploy" / "registry.db"


def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path):
    path = tmp_path / "registry.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(TargetError, match=r"cannot be read.*registry\.db.*\n.*mv "):
        open_registry(path)
    assert path.read_bytes() == b"not a database" * 100


def test_a_newer_schema_is_refused(tmp_path):
    path = tmp_path / "registry.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(TargetError, match=r"schema 99; this nbdeploy reads schema 1.*\n.*pip install --upgrade"):
        open_registry(path)


def test_many_open_it_for_the_first_time_at_once(tmp_path):
    path, results = tmp_path / "registry.db", []

    def work():
        with closing(open_registry(path)) as registry:
            results.append(list_deployments(registry))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[]] * 8
