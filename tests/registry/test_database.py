from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from jupyter_deploy.errors import DiskFull, TargetError
from jupyter_deploy.registry import (
    data_dir,
    explain_failure,
    list_deployments,
    list_samples,
    open_registry,
    registry_path,
)


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
    with pytest.raises(TargetError, match=r"schema 99; this nbdeploy reads schema 4.*\n.*pip install --upgrade"):
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


def test_a_registry_of_an_earlier_release_is_brought_up_to_date(tmp_path):
    path = tmp_path / "registry.db"
    with closing(open_registry(path)) as registry:
        registry.execute("DROP TABLE rollouts")
        for column in ("batches", "batched", "gpu", "gpu_memory"):
            registry.execute(f"ALTER TABLE samples DROP COLUMN {column}")
        registry.execute("ALTER TABLE deployments DROP COLUMN scale")
        registry.execute("INSERT INTO samples VALUES ('old', 1, 5.0, 1, 2, 0, '{\"0.001\": 2}', 0, 1, 0.5, 100)")
        registry.execute("PRAGMA user_version = 1")
        registry.commit()
    with closing(open_registry(path)) as registry:
        (old,) = list_samples(registry, "old", 0.0)
        assert (old.requests, old.latency, old.batch, old.gpu) == (2, {0.001: 2}, None, None)


@pytest.mark.parametrize(("words", "kind", "told"), [
    ("database or disk is full", DiskFull, "the disk is full"),
    ("database is locked", TargetError, "in use"),
    ("attempt to write a readonly database", TargetError, "may write that file"),
    ("database disk image is malformed", TargetError, "damaged"),
])
def test_only_a_damaged_registry_is_called_so(tmp_path, words, kind, told):
    error = explain_failure(tmp_path / "registry.db", sqlite3.OperationalError(words))
    assert type(error) is kind
    assert told in str(error)
    assert ("mv " in str(error)) == (told == "damaged")


def test_a_disk_without_room_is_told_whatever_sqlite_says(tmp_path, monkeypatch):
    monkeypatch.setattr("jupyter_deploy.registry.database.ROOM", 1 << 62)
    error = explain_failure(tmp_path / "registry.db", sqlite3.OperationalError("disk I/O error"))
    assert isinstance(error, DiskFull)
