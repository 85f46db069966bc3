"""Lay out the layers of an image: runs inside the base image while it is built, on its Python's standard library.

    python3 layers.py environment        unpack wheels/*.whl as requirements.lock lists them
    python3 layers.py copy NAME,NAME...  copy files and folders of the project; each list is a layer

They write below `/layers`, where every file has the same time and no file is writable by the service's user: the
same input gives the same bytes, and with them the same digest of the layer. Bytecode is compiled here, because the
service may run on a file system that cannot be written.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import py_compile
import re
import shutil
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
LAYERS = Path("/layers")
EPOCH = 315532800
"""1980, the earliest time that a wheel can hold."""
TESTS = frozenset({"tests", "test"})
"""Packages of these names are rarely imported: their bytecode is left out. That of `testing` is not: scikit-learn
imports NumPy's."""
UNUSED = frozenset({"dist-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "tkinter",
                    "turtledemo"})
"""Folders of Python's own library that no service imports."""
COMPILED = frozenset({"runtime", "modules"})
"""Folders of the project with modules. `service.py` is small, and compiled when it is loaded: what is edited most often
is copied, and nothing more."""
GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_")


@dataclass(frozen=True)
class Line:
    """A requirement of the lock."""

    pinned: str
    hashes: frozenset[str]
    reason: str


def read_lock(text: str) -> list[Line]:
    """Read a lock with hashes."""
    lines = []
    for line in text.replace("\\\n", " ").splitlines():
        requirement, _, reason = line.partition("#")
        if requirement.strip():
            pinned, *hashes = requirement.split()
            lines.append(Line(pinned, frozenset(one.partition("sha256:")[2] for one in hashes), reason.strip()))
    return lines


def find_wheels(folder: Path, lines: list[Line]) -> list[Path]:
    """Find the wheel that has the hash of each requirement, and see that this Python can use it."""
    wheels = {hashlib.sha256(wheel.read_bytes()).hexdigest(): wheel for wheel in sorted(folder.glob("*.whl"))}
    chosen = []
    for line in lines:
        found = [wheels[digest] for digest in sorted(line.hashes) if digest in wheels]
        if not found:
            sys.exit(f"nbdeploy: no file in wheels/ has a hash that requirements.lock admits for {line.pinned} "
                     f"({line.reason})")
        if problem := why_not(found[0].name):
            sys.exit(f"nbdeploy: {found[0].name} cannot be used in this base image: {problem} ({line.reason})")
        chosen.append(found[0])
    return chosen


def why_not(wheel: str) -> str | None:
    """Say why this interpreter cannot use a wheel, judged by its name; None when it can."""
    _, python, abi, platforms = wheel.removesuffix(".whl").rsplit("-", 3)
    if re.fullmatch(r"cp\d\d+", abi) and abi != f"cp{sys.version_info[0]}{sys.version_info[1]}":
        return f"it is for Python {python}, the base image has {sys.version_info[0]}.{sys.version_info[1]}"
    if platforms == "any":
        return None
    machine = os.uname().machine
    if not any(one.endswith(machine) for one in platforms.split(".")):
        return f"it is for {platforms}, the base image for {machine}"
    wanted = [(int(major), int(minor)) for major, minor in GLIBC.findall(platforms)]
    found = find_glibc()
    if wanted and found is None:
        return "it needs the GNU C library, which the base image does not have"
    if wanted and found is not None and min(wanted) > found:
        return f"it needs glibc {min(wanted)[0]}.{min(wanted)[1]}, the base image has {found[0]}.{found[1]}"
    return None


def find_glibc() -> tuple[int, int] | None:
    """Give the version of the GNU C library; None where there is another one."""
    with contextlib.suppress(ValueError, OSError):
        major, minor = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[-1].split(".")[:2]
        return int(major), int(minor)
    return None


def unpack(wheel: Path, site: Path) -> None:
    """Unpack what a wheel puts on `sys.path`; scripts, headers and other data are for a whole installation."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            parts = name.split("/")
            if parts[0].endswith(".data"):
                if parts[1] not in ("purelib", "platlib"):
                    continue
                parts = parts[2:]
            if name.endswith("/") or ".." in parts or not parts[0]:
                continue
            target = site.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("wb") as output:
                shutil.copyfileobj(source, output, 1 << 20)


def compile_folder(folder: Path, compiled: Path, place: Path) -> None:
    """Compile the modules directly in `folder`, which will lie at `place`.

    Nothing compares them with their sources again (an unchecked hash, PEP 552): all have the same time.
    """
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for source in sorted(folder.glob("*.py")):
        cached = compiled / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        with contextlib.suppress(py_compile.PyCompileError):  # a template, or code for another version of Python
            py_compile.compile(str(source), str(cached), str(place / source.name), doraise=True, invalidation_mode=mode)


def compile_tree(root: Path, compiled: Path, place: Path = Path("/"), left_out: frozenset[str] = TESTS) -> None:
    """Compile the modules below `root`, which will lie at `place`, into the same places below `compiled`."""
    folders = []
    for folder, inner, _ in os.walk(root):
        inner[:] = sorted(set(inner) - left_out)
        folders.append(Path(folder).relative_to(root))
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(compile_folder, root / one, compiled / one, place / one) for one in folders]
        for job in jobs:
            job.result()


def compile_library(library: Path, compiled: Path) -> None:
    """Compile Python's own modules where the base image, as `python:3.x-slim`, comes without their bytecode.

    Nobody's user could not keep it: every start of a container would compile them anew.
    """
    if not Path(importlib.util.cache_from_source(str(library / "os.py"))).exists():
        compile_tree(library, compiled / library.relative_to("/"), library, TESTS | UNUSED)


def normalise(root: Path) -> None:
    """Give every file and folder the same time, and modes by which anyone may read and only root write."""
    for folder, _, files in os.walk(root, topdown=False):
        for path in [*(Path(folder, name) for name in files), Path(folder)]:
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            os.utime(path, (EPOCH, EPOCH))


def lay_environment() -> None:
    """Write `/layers/environment` and `/layers/bytecode`; the lock stays with what was installed by it."""
    lines = read_lock((PROJECT / "requirements.lock").read_text(encoding="utf-8"))
    site = LAYERS / "environment" / "environment"
    site.mkdir(parents=True)
    shutil.copyfile(PROJECT / "requirements.lock", site / "requirements.lock")
    for wheel in find_wheels(PROJECT / "wheels", lines):
        unpack(wheel, site)
    (LAYERS / "bytecode").mkdir()
    compile_tree(LAYERS / "environment", LAYERS / "bytecode")
    compile_library(Path(os.__file__).resolve().parent, LAYERS / "bytecode")


def lay_copies(layer: str, names: list[str]) -> None:
    """Write `/layers/<layer>/service/...` with the named files and folders of the project."""
    service = LAYERS / layer / "service"
    service.mkdir(parents=True)
    for name in names:
        source, target = PROJECT / name, service / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    for name in sorted(set(names) & COMPILED):
        for folder, inner, _ in os.walk(service / name):
            inner.sort()
            compile_folder(Path(folder), Path(folder), Path("/", Path(folder).relative_to(LAYERS / layer)))


if __name__ == "__main__":
    if sys.argv[1] == "environment":
        lay_environment()
    for group in sys.argv[2:]:
        lay_copies(group.partition(",")[0].partition(".")[0], group.split(","))
    normalise(LAYERS)
