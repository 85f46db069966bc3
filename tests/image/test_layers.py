from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jupyter_deploy.image import layers

VERSION = f"cp{sys.version_info[0]}{sys.version_info[1]}"
MACHINE = os.uname().machine


def write_wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return folder / name


@pytest.mark.parametrize(("wheel", "problem"), [
    ("one-1-py3-none-any.whl", None),
    (f"one-1-{VERSION}-{VERSION}-manylinux_2_17_{MACHINE}.manylinux2014_{MACHINE}.whl", None),
    (f"one-1-cp38-abi3-manylinux_2_17_{MACHINE}.whl", None),
    (f"one-1-{VERSION}-{VERSION}-linux_{MACHINE}.whl", None),
    (f"one-1-cp36-cp36m-linux_{MACHINE}.whl", None),
    (f"one-1-cp39-cp39-manylinux_2_17_{MACHINE}.whl", "it is for Python cp39"),
    (f"one-1-{VERSION}-{VERSION}-manylinux_2_17_riscv64.whl", "it is for manylinux_2_17_riscv64"),
    (f"one-1-{VERSION}-{VERSION}-manylinux_2_99_{MACHINE}.whl", "it needs glibc 2.99"),
])
def test_a_wheel_that_this_python_cannot_use_is_refused(wheel: str, problem: str | None) -> None:
    found = layers.why_not(wheel)
    assert found is None if problem is None else found is not None and found.startswith(problem)


def test_a_lock_with_hashes_is_read() -> None:
    text = "# head\none==1 \\\n    --hash=sha256:aa  # required by two\ntwo==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert layers.read_lock(text) == [layers.Line("one==1", frozenset({"aa"}), "required by two"),
                                      layers.Line("two==2", frozenset({"bb", "cc"}), "")]


def test_a_wheel_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, "one-1-py3-none-any.whl", {"one.py": "x = 1\n"})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert layers.find_wheels(tmp_path, [layers.Line("one==1", frozenset({digest}), "")]) == [wheel]
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(SystemExit, match=r"no file in wheels/ has a hash .* one==1 \(predict → one\)"):
        layers.find_wheels(tmp_path, [layers.Line("one==1", frozenset({digest}), "predict → one")])


def test_only_what_belongs_on_the_path_is_unpacked(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "wheels", "one-1-py3-none-any.whl", {
        "one/__init__.py": "", "one-1.data/purelib/two.py": "", "one-1.data/scripts/run": "", "../evil.py": "",
        "one-1.dist-info/METADATA": "Name: one\n"})
    layers.unpack(wheel, tmp_path / "site")
    found = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert found == {"one/__init__.py", "two.py", "one-1.dist-info/METADATA"}
    assert not (tmp_path / "evil.py").exists()


def test_bytecode_is_used_though_the_source_has_another_time(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "environment" / "one" / "tests").mkdir(parents=True)
    (root / "environment" / "one" / "__init__.py").write_text("import sys\nwhere = sys._getframe().f_code.co_filename\n")
    (root / "environment" / "one" / "template.py").write_text("{{ this is no Python }}\n")
    (root / "environment" / "one" / "tests" / "test_one.py").write_text("")
    layers.compile_tree(root, root)
    layers.normalise(root)
    compiled = [str(path.relative_to(root)) for path in root.rglob("*.pyc")]
    assert compiled == [f"environment/one/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"]
    code = "import sys; sys.path.insert(0, sys.argv[1]); import one; print(one.where)"
    (root / "environment" / "one" / "__init__.py").write_text("where = 'recompiled'\n")
    done = subprocess.run([sys.executable, "-I", "-c", code, str(root / "environment")], capture_output=True, text=True,
                          check=True)
    assert done.stdout.strip() != "recompiled"


def test_times_and_modes_are_the_same_everywhere(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    secret = tmp_path / "folder" / "secret"
    secret.write_text("")
    secret.chmod(0o600)
    program = tmp_path / "folder" / "program"
    program.write_text("")
    program.chmod(0o744)
    layers.normalise(tmp_path)
    assert [(path.stat().st_mtime, path.stat().st_mode & 0o777) for path in (tmp_path / "folder", secret, program)] == [
        (layers.EPOCH, 0o755), (layers.EPOCH, 0o644), (layers.EPOCH, 0o755)]


def test_pythons_own_modules_are_compiled_where_the_base_has_them_not(tmp_path: Path) -> None:
    library = tmp_path / "lib"
    for name in ("os.py", "json/decoder.py", "idlelib/run.py", "test/test_os.py"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text("")
    layers.compile_library(library, tmp_path / "compiled")
    compiled = tmp_path / "compiled" / library.relative_to("/")
    assert {path.relative_to(compiled).parts[0] for path in compiled.rglob("*.pyc")} == {"__pycache__", "json"}
    (library / "__pycache__").mkdir()
    (library / "__pycache__" / f"os.{sys.implementation.cache_tag}.pyc").write_bytes(b"")
    layers.compile_library(library, tmp_path / "again")
    assert not (tmp_path / "again").exists()
