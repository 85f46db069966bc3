"""An exported project is whole, or not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_disk import mount_small_disk
from tiny import make_bundle

from jupyter_deploy.errors import DiskFull
from jupyter_deploy.export.project import ExportOptions, export

SIZE = 64 << 10
"""Bytes of a disk on which some of a bundle's files have room, and not all."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a disk of 64 kB."""
    folder = tmp_path / "disk"
    with mount_small_disk(folder, SIZE):
        yield folder


@pytest.mark.parametrize("existed", [False, True])
def test_a_full_disk_is_told_and_leaves_nothing(small_disk: Path, tmp_path: Path, *, existed: bool) -> None:
    bundle = make_bundle(tmp_path, "one")
    project = small_disk / "project"
    if existed:
        project.mkdir()
    with pytest.raises(DiskFull, match="the disk is full") as caught:
        export(bundle, project, ExportOptions(image=False))
    assert str(caught.value.where).startswith(str(project))
    assert list(small_disk.rglob("*")) == [project] * existed


def test_an_export_has_the_bundle_and_its_test(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, "one")
    project = export(bundle, tmp_path / "project", ExportOptions(image=False))
    assert {"bundle.json", "service.py", "runtime", "tests"} == {path.name for path in project.iterdir()}
    assert (project / "service.py").read_bytes() == (bundle / "service.py").read_bytes()
