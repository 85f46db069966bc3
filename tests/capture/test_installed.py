from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.capture import installed as index_module
from jupyter_deploy.capture.installed import installed, recorded_files


def owners(file: Path) -> list[str]:
    return [one.name for one in installed().owners(str(file))]


def test_a_file_belongs_to_the_distribution_that_recorded_it(site_folder: Any) -> None:
    site_folder.add("Some-Tool", {"tool/__init__.py": "", "tool.libs/lib.so": "", "single.py": ""})
    for file in ("tool/__init__.py", "tool/made_later.py", "tool.libs/lib.so", "single.py"):
        assert owners(site_folder.path / file) == ["some-tool"]
    assert owners(site_folder.path / "stranger.py") == []


def test_a_shared_folder_is_decided_by_the_records(site_folder: Any) -> None:
    site_folder.add("space-one", {"space/one/__init__.py": "", "space/two/extra.py": ""})
    site_folder.add("space-two", {"space/two/__init__.py": ""})
    assert owners(site_folder.path / "space/two/extra.py") == ["space-one"]
    assert owners(site_folder.path / "space/two/__init__.py") == ["space-two"]
    assert [one.name for one in installed().sharing(str(site_folder.path / "space/two"))] == ["space-one", "space-two"]


def test_of_two_wheels_with_one_file_the_one_installed_last_owns_it(site_folder: Any) -> None:
    site_folder.add("vision", {"vision/__init__.py": "FULL = True"})
    site_folder.add("vision-headless", {"vision/__init__.py": "FULL = False"})
    assert owners(site_folder.path / "vision/__init__.py") == ["vision-headless"]


def test_the_first_on_the_path_wins(site_folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site_folder.add("numpy", {"numpy/__init__.py": ""}, version="0.1")
    found = installed().find("NumPy")
    assert found is not None
    assert found.info == "numpy-0.1.dist-info"


@pytest.mark.parametrize("listing", ["top_level.txt", "installed-files.txt", ""])
def test_old_installs_without_a_record(site_folder: Any, listing: str) -> None:
    info = site_folder.path / "old_tool-1.0-py3.egg-info"
    info.mkdir()
    (site_folder.path / "old_tool").mkdir()
    (site_folder.path / "old_tool" / "__init__.py").write_text("")
    (info / "PKG-INFO").write_text("Name: old-tool\nVersion: 1.0\n")
    if listing:
        text = "old_tool\n" if listing == "top_level.txt" else "../old_tool/__init__.py\n../../../bin/x\nPKG-INFO\n"
        (info / listing).write_text(text)
    assert owners(site_folder.path / "old_tool/__init__.py") == ["old-tool"]


def test_an_egg_is_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    egg = tmp_path / "laid-2.0-py3.11.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    (egg / "laid.py").write_text("")
    monkeypatch.syspath_prepend(str(egg))
    assert owners(egg / "laid.py") == ["laid"]


def test_a_site_inside_another_comes_first(site_folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site_folder.add("outer", {"outer/__init__.py": "", "outer/vendor/inner/__init__.py": ""})
    vendor = type(site_folder)(site_folder.path / "outer" / "vendor2")
    vendor.add("inner", {"inner/__init__.py": ""})
    monkeypatch.syspath_prepend(str(vendor.path))
    assert owners(vendor.path / "inner/__init__.py") == ["inner"]
    assert owners(site_folder.path / "outer/vendor/inner/__init__.py") == ["outer"]


def test_quoted_and_outside_paths_in_a_record(site_folder: Any) -> None:
    info = site_folder.add("odd")
    (info / "RECORD").write_text('"odd/a,b.txt",sha256=x,1\r\n../../share/x,,\n/abs/x,,\nodd/c.py,,\n')
    found = installed().find("odd")
    assert found is not None
    assert recorded_files(found) == ("odd/a,b.txt", "odd/c.py")
    assert owners(site_folder.path / "odd/c.py") == ["odd"]


def test_the_index_is_kept_until_the_folder_changes(
    site_folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    site_folder.add("early", {"early.py": ""})
    assert installed(cache).find("early") is not None
    kept = index_module._cache_file(str(site_folder.path), cache)
    assert not kept.exists(), "an installer may still be writing"
    os.utime(site_folder.path, (1e9, 1e9))
    installed(cache)
    assert kept.exists()
    first = installed(cache).site(str(site_folder.path))
    index_module._memory.clear()
    (site_folder.path / "early-1.0.dist-info" / "RECORD").unlink()  # not read again
    assert installed(cache).site(str(site_folder.path)) == first
    site_folder.add("late", {"late.py": ""})
    assert installed(cache).find("late") is not None


def test_a_damaged_cache_is_written_anew(site_folder: Any, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    site_folder.add("tool", {"tool.py": ""})
    os.utime(site_folder.path, (1e9, 1e9))
    index_module._cache_file(str(site_folder.path), cache).write_text("{")
    assert installed(cache).find("tool") is not None
