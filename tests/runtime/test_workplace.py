"""What calls write is kept over restarts, and the bundle stays as it was proven."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_deploy.runtime.workplace import WORK, enter, renew


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "inner").mkdir(parents=True)
    (tmp_path / "data" / "inner" / "calls.csv").write_text("1\n")
    return tmp_path


def test_workers_of_a_version_share_a_copy(bundle: Path) -> None:
    enter(bundle)
    Path("inner/calls.csv").write_text("1\n2\n")
    Path("more.txt").touch()
    enter(bundle)
    assert Path.cwd() == bundle / WORK
    assert Path("inner/calls.csv").read_text() == "1\n2\n"
    assert (bundle / "data" / "inner" / "calls.csv").read_text() == "1\n"
    assert sorted(path.name for path in bundle.iterdir()) == [WORK, "data"]


def test_a_deployment_begins_anew_and_what_runs_goes_on(bundle: Path) -> None:
    for text in ("2\n", "3\n"):
        enter(bundle)
        Path("inner/calls.csv").write_text(text)
        renew(bundle)
        assert Path("inner/calls.csv").read_text() == text
    renew(bundle)
    enter(bundle)
    assert Path("inner/calls.csv").read_text() == "1\n"


def test_where_nothing_can_be_written_the_data_is_what_there_is(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("read-only")

    monkeypatch.setattr("shutil.copytree", refuse)
    enter(bundle)
    assert Path.cwd() == bundle / "data"


def test_a_bundle_without_data_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    enter(tmp_path)
    assert list(tmp_path.iterdir()) == []
