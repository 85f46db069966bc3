"""Bundles and environments that nothing uses go; what a version uses, or somebody just wrote, stays."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from jupyter_deploy.leftovers import BUNDLE_SECONDS, ENVIRONMENT_SECONDS, remove_leftovers
from jupyter_deploy.registry import Record, VersionRecord, add_version, open_registry, registry_path, save_deployment


def make_folder(path: Path, *, age: float = 0.0) -> Path:
    path.mkdir(parents=True)
    (path / "file").write_text("content")
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))
    return path


def test_what_no_version_uses_goes_after_its_time(tmp_path: Path) -> None:
    used = make_folder(tmp_path / "bundles" / "used", age=2 * BUNDLE_SECONDS)
    carved = make_folder(tmp_path / "environments" / "used", age=2 * BUNDLE_SECONDS)
    old = make_folder(tmp_path / "bundles" / "old", age=2 * BUNDLE_SECONDS)
    unused = make_folder(tmp_path / "environments" / "unused", age=2 * ENVIRONMENT_SECONDS)
    young = make_folder(tmp_path / "bundles" / "young", age=BUNDLE_SECONDS / 2)
    with closing(open_registry(registry_path(tmp_path))) as registry:
        save_deployment(registry, Record("a", "local", "127.0.0.1", 8100, 1, "v1"))
        environment = {"kind": "carved", "python": "python3", "paths": [str(carved)]}
        add_version(registry, VersionRecord("a", "v1", str(used), environment))
    assert remove_leftovers(tmp_path) == (old, unused)
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["used", "used", "young"]
    assert (young / "file").exists()
    assert remove_leftovers(tmp_path, age=-10) == (young,)


def test_with_nothing_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path) == ()
