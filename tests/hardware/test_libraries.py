"""System libraries, found in real shared objects of installed packages."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from jupyter_deploy.hardware.libraries import read_linked, system_libraries


def carve(folder: Path, *modules: str) -> Path:
    for module in modules:
        spec = importlib.util.find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        folder.mkdir(exist_ok=True)
        (folder / module).symlink_to(Path(spec.origin).parent)
    return folder


def test_a_library_that_no_slim_image_has_is_found(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm")
    folder = carve(tmp_path / "site", "lightgbm")
    (library,) = system_libraries([folder])
    assert (library.soname, library.package) == ("libgomp.so.1", "libgomp1")
    assert library.wanted_by == ("lightgbm/lib/lib_lightgbm.so",)
    assert system_libraries([folder], present=["libc6", "libgcc-s1", "libstdc++6", "libgomp1"]) == ()


def test_what_a_package_brings_along_is_not_asked_for(tmp_path: Path) -> None:
    site = Path(importlib.util.find_spec("numpy").origin).parents[1]  # type: ignore[union-attr, arg-type]
    folder = carve(tmp_path / "site", "numpy")
    (folder / "numpy.libs").symlink_to(site / "numpy.libs")
    assert system_libraries([folder]) == ()


def test_a_version_may_end_with_a_letter(tmp_path: Path) -> None:
    (path,) = sorted(Path(importlib.util.find_spec("httptools").origin).parent.glob("parser/parser*.so"))  # type: ignore[union-attr, arg-type]
    (tmp_path / "vision").mkdir()
    (tmp_path / "vision.libs").mkdir()
    # The very object, asking for another library, which the wheel has brought along.
    (tmp_path / "vision" / "parser.so").write_bytes(path.read_bytes().replace(b"libc.so.6\0", b"lib.so.1k\0"))
    assert "lib.so.1k" in {one.soname for one in system_libraries([tmp_path])}
    (tmp_path / "vision.libs" / "lib.so.1k").write_bytes(path.read_bytes())
    assert "lib.so.1k" not in {one.soname for one in system_libraries([tmp_path])}


def test_packages_are_called_as_the_release_calls_them(tmp_path: Path) -> None:
    (path,) = sorted(Path(importlib.util.find_spec("httptools").origin).parent.glob("parser/parser*.so"))  # type: ignore[union-attr, arg-type]
    folder = tmp_path / "site"
    folder.mkdir()
    # The very object, asking for another library.
    (folder / "parser.so").write_bytes(path.read_bytes().replace(b"libc.so.6\0", b"libz.so.1\0"))
    names = {one.soname: one.package for one in system_libraries([folder], present=[])}
    assert names["libz.so.1"] == "zlib1g"
    assert system_libraries([folder], present=[], release="trixie")[0].package in ("zlib1g", "libc6")


def test_other_files_link_to_nothing(tmp_path: Path) -> None:
    script = tmp_path / "stub.so"
    script.write_text("/* GNU ld script */")
    assert read_linked(script).needed == ()
    shutil.copy(script, tmp_path / "again.so.1")
    assert system_libraries([tmp_path]) == ()
