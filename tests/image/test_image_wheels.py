from __future__ import annotations

import json
import platform
import sys
import zipfile
from pathlib import Path

import pytest
from site_folder import SiteFolder

from jupyter_deploy.errors import RequirementError
from jupyter_deploy.image import wheels
from jupyter_deploy.image.lock import write_hashed_lock
from jupyter_deploy.image.sbom import write_sbom
from jupyter_deploy.image.wheels import Platform, gather_wheels
from jupyter_deploy.requirements import Pin
from jupyter_deploy.runtime.manifest import Manifest

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
HERE = Platform(PYTHON, platform.machine())
ARM = Platform(PYTHON, "aarch64" if platform.machine() != "aarch64" else "x86_64")


def pin(name: str, version: str = "1.0", **more: str) -> Pin:
    return Pin(name, version, "predict → one", **{"requirement": f"{name}=={version}", **more})  # type: ignore[arg-type]


def write_wheel(folder: Path, name: str, version: str, tag: str = "py3-none-any") -> Path:
    info = f"{name}-{version}.dist-info"
    file = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "x = 1\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of wheels that is all pip knows of."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_wheels_come_from_the_authors_index_and_then_from_the_cache(index: Path, tmp_path: Path) -> None:
    write_wheel(index, "one", "1.0")
    write_wheel(index, "two", "2.0+cpu")
    pins = [pin("one"), pin("two", "2.0+cpu")]
    first = gather_wheels(pins, HERE, tmp_path / "cache")
    assert [(wheel.file.name, wheel.origin) for wheel in first] == [
        ("one-1.0-py3-none-any.whl", "index"), ("two-2.0+cpu-py3-none-any.whl", "index")]
    for file in index.iterdir():
        file.unlink()
    assert gather_wheels(pins, HERE, tmp_path / "cache") == first


def test_settings_of_uv_are_taken_too(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wheel(index, "one", "1.0")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    assert gather_wheels([pin("one")], HERE, tmp_path / "cache")[0].origin == "index"


def test_wheels_are_those_of_the_image_s_machine(index: Path, tmp_path: Path) -> None:
    tag = f"cp{PYTHON.replace('.', '')}"
    for machine in (HERE.machine, ARM.machine):
        write_wheel(index, "one", "1.0", f"{tag}-{tag}-manylinux_2_28_{machine}")
    for where in (HERE, ARM):
        assert where.machine in gather_wheels([pin("one")], where, tmp_path / "cache")[0].file.name


def test_what_no_index_has_is_packed_from_what_is_installed(index: Path, tmp_path: Path, site_folder: SiteFolder) -> None:
    site_folder.add("mine", {"mine/__init__.py": "x = 1\n", "mine/data.txt": "text"}, version="1.0")
    site_folder.add("local", {"local.py": "x = 1\n"}, version="1.0+here")
    wheels = gather_wheels([pin("mine"), pin("local", "1.0+here", kind="local")], HERE, tmp_path / "cache")
    assert [wheel.origin for wheel in wheels] == ["installed", "installed"]
    names = zipfile.ZipFile(wheels[0].file).namelist()
    assert {"mine/__init__.py", "mine/data.txt", "mine-1.0.dist-info/METADATA", "mine-1.0.dist-info/RECORD"} <= set(names)
    again = gather_wheels([pin("mine")], HERE, tmp_path / "other")
    assert again[0].sha256 == wheels[0].sha256


def test_what_is_to_be_had_nowhere_says_who_asked_for_it(index: Path, tmp_path: Path) -> None:
    write_wheel(index, "one", "1.0")
    with pytest.raises(RequirementError) as caught:
        gather_wheels([pin("one"), pin("nowhere", "2.5")], HERE, tmp_path / "cache")
    assert "no wheel of nowhere 2.5 for Python" in str(caught.value)
    assert "(predict → one)" in str(caught.value)


def test_what_is_compiled_for_this_machine_is_not_packed_for_another(index: Path, tmp_path: Path,
                                                                     site_folder: SiteFolder) -> None:
    site_folder.add("fast", {"fast.so": "ELF"}, version="1.0")
    assert gather_wheels([pin("fast")], HERE, tmp_path / "cache")[0].file.name.endswith(f"linux_{HERE.machine}.whl")
    with pytest.raises(RequirementError, match=f"on {ARM.machine} .*compiled for {HERE.machine}"):
        gather_wheels([pin("fast")], ARM, tmp_path / "cache")


def test_the_lock_and_the_bill_of_materials(index: Path, tmp_path: Path) -> None:
    write_wheel(index, "one", "1.0+cpu")
    wheels = gather_wheels([pin("one", "1.0+cpu")], HERE, tmp_path / "cache")
    lock = write_hashed_lock(wheels, PYTHON)
    assert f"one==1.0+cpu \\\n    --hash=sha256:{wheels[0].sha256}  # predict → one\n" in lock
    manifest = Manifest("tiny", PYTHON, ())
    text = write_sbom(manifest, wheels, "python:3-slim", ["libgomp1"])
    assert '"purl": "pkg:pypi/one@1.0%2Bcpu"' in text
    assert text == write_sbom(manifest, wheels, "python:3-slim", ["libgomp1"])
    assert [one["name"] for one in json.loads(text)["components"]] == ["one", "python:3-slim", "python", "libgomp1"]


def test_a_line_that_pip_would_take_for_an_option_is_refused(index: Path, tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match="not a requirement"):
        gather_wheels([pin("--index-url http://evil")], HERE, tmp_path / "cache")


def test_the_index_of_a_framework_is_asked_only_for_what_the_authors_own_has_not(
        index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be reached would be waited for with each package."""
    write_wheel(index, "one", "1.0")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", index.as_uri())
    asked: list[tuple[list[str], list[str]]] = []
    download = wheels._download

    def listen(pins, platform, folder, indexes):  # type: ignore[no-untyped-def]  # pip itself does the work
        asked.append(([one.name for one in pins], list(indexes)))
        return download(pins, platform, folder, indexes)

    monkeypatch.setattr(wheels, "_download", listen)
    gather_wheels([pin("one")], HERE, tmp_path / "cache", ["https://localhost:1/simple"])
    with pytest.raises(RequirementError):
        gather_wheels([pin("one", "2.0")], HERE, tmp_path / "cache", ["https://localhost:1/simple"])
    assert asked == [(["one"], []), (["one"], []), (["one"], ["https://localhost:1/simple"])]
