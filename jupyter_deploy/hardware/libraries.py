"""The system libraries that an environment's shared objects link to beyond what the base image has."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import RequirementError
from jupyter_deploy.hardware.facts import read_facts

OBJECT = re.compile(r".+\.so(\.\d\w*)*")
"""The name of a shared object: `libz.so`, `libz.so.1.3`, `libcrypto.so.1.1.1k`."""
_MAGIC = b"\x7fELF"
_ASK_SECONDS = 30


@dataclass(frozen=True)
class SystemLibrary:
    """A shared library that the base image must get."""

    soname: str
    """What is linked to: `libGL.so.1`."""
    package: str | None
    """The Debian package that has it; None: no package is known."""
    wanted_by: tuple[str, ...]
    """The files that link to it, as paths in the environment's folder."""


@dataclass(frozen=True)
class Linked:
    """What a shared object says of itself."""

    soname: str | None
    needed: tuple[str, ...]
    searched: tuple[str, ...] = ()
    """Folders in which it looks for them (its run path), `$ORIGIN` being its own."""


def system_libraries(folders: Iterable[Path], *, release: str = "bookworm",
                     present: Collection[str] | None = None) -> tuple[SystemLibrary, ...]:
    """Find the libraries that the shared objects under `folders` need and neither they nor the base image have.

    Parameters
    ----------
    folders
        The environment's folders of installed packages.
    release
        The Debian release of the base image: packages are called differently in each.
    present
        Names of the packages that the base image has; by default those of a slim Python image.

    Raises
    ------
    RequirementError
        When the package that reads shared objects is not installed.

    """
    facts = read_facts("debian")
    has = frozenset(facts["present"] if present is None else present)
    wanted: dict[str, list[str]] = {}
    elsewhere: set[str] = set(facts["driver"])
    for folder in folders:
        objects = {path: read_linked(path) for path in _list_objects(folder)}
        own = _names_by_top(folder, objects)
        elsewhere |= set().union(*own.values())
        for path, linked in objects.items():
            for soname in linked.needed:
                if soname not in own[_top(folder, path)] and not _is_found(path, linked, soname):
                    wanted.setdefault(soname, []).append(path.relative_to(folder).as_posix())
    names = sorted(soname for soname in wanted if not soname.startswith("ld-linux"))
    packages = _find_packages(names, release)
    # What another distribution of the environment has may be loaded by then; a package of the system is sure.
    return tuple(SystemLibrary(name, packages.get(name), tuple(sorted(set(wanted[name])))) for name in names
                 if packages.get(name) not in has and (name in packages or name not in elsewhere))


def name_cuda_package(soname: str) -> str | None:
    """Name the package of an index that has a library of CUDA; its name also has CUDA's major version."""
    package: str | None = read_facts("cuda")["libraries"].get(soname.partition(".so")[0])
    return package


def _names_by_top(folder: Path, objects: Mapping[Path, Linked]) -> dict[str, set[str]]:
    """Give the libraries that each top folder has: a package loads its own before it needs them."""
    names: dict[str, set[str]] = {}
    for path, linked in objects.items():
        names.setdefault(_top(folder, path), set()).update({path.name, linked.soname or path.name})
    return names


def _top(folder: Path, path: Path) -> str:
    return path.relative_to(folder).parts[0].partition(".libs")[0]


def _is_found(path: Path, linked: Linked, soname: str) -> bool:
    """Whether an object finds a library by its run path within the environment."""
    places = (place for place in linked.searched if place.startswith(("$ORIGIN", "${ORIGIN}")))
    origins = {path.parent, path.resolve().parent}
    return any((origin / place.partition("ORIGIN")[2].lstrip("}/") / soname).exists()
               for place in places for origin in origins)


def _list_objects(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(_walk(folder)) if OBJECT.fullmatch(path.name) and path.is_file())


def _walk(folder: Path) -> Iterator[Path]:
    """Give all files under a folder, also those under links: a carved environment is made of links."""
    for path in folder.iterdir():
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def read_linked(path: Path) -> Linked:
    """Read the dynamic section of a shared object; of another file, nothing."""
    try:
        from elftools.elf.dynamic import DynamicSegment
        from elftools.elf.elffile import ELFFile
    except ImportError as error:
        raise RequirementError("finding the system libraries of a service needs pyelftools, which is not installed",
                               advice="pip install 'nbdeploy[docker]'") from error
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            return Linked(None, ())
        tags: list[Any] = [tag for segment in ELFFile(file).iter_segments() if isinstance(segment, DynamicSegment)
                           for tag in segment.iter_tags()]
        soname = next((str(tag.soname) for tag in tags if tag.entry.d_tag == "DT_SONAME"), None)
        needed = tuple(str(tag.needed) for tag in tags if tag.entry.d_tag == "DT_NEEDED")
        paths = [tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"]
        paths += [tag.rpath for tag in tags if tag.entry.d_tag == "DT_RPATH"]
        return Linked(soname, needed, tuple(place for path in paths for place in str(path).split(":")))


def _find_packages(sonames: list[str], release: str) -> dict[str, str]:
    """Map libraries to the packages of a Debian release: by what is known of it, else by this machine's packages."""
    facts = read_facts("debian")
    known: dict[str, str] = {**facts["packages"], **facts["renamed"].get(release, {})}
    packages = {soname: known[soname] for soname in sonames if soname in known}
    return {**_ask_dpkg([soname for soname in sonames if soname not in packages]), **packages}


def _ask_dpkg(sonames: list[str]) -> dict[str, str]:
    """Ask the author's own system which package has a file of that name, where that system is Debian."""
    if not sonames or shutil.which("dpkg") is None:
        return {}
    done = subprocess.run(["dpkg", "-S", *(f"*/{soname}" for soname in sonames)], capture_output=True, text=True,
                          timeout=_ASK_SECONDS, check=False)
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        package, _, path = line.partition(": ")
        if not package.startswith("diversion ") and not package.endswith("-dev"):
            found.setdefault(Path(path).name, package.partition(",")[0].partition(":")[0])
    return found
