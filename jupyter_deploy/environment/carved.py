"""A carved environment: a folder of links to exactly the files that the needed distributions have in the kernel's own.

It costs milliseconds and no network, is the very code the notebook ran on with its bytecode, and holds nothing else.
Only the modules of editable projects are copied, so that an edit does not change a service that was proven.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from jupyter_deploy.capture.editable import Editable
from jupyter_deploy.capture.installed import Index, Installed, installed, recorded_files
from jupyter_deploy.environment import Environment
from jupyter_deploy.errors import RequirementError
from jupyter_deploy.requirements.distributions import Distribution, Requirements

_FORMAT = 1
_PART = ".part-"


def carve(requirements: Requirements, root: Path, *, cache: Path | None = None) -> Environment:
    """Link the distributions of `requirements` into a folder under `root`, or take the one that is there already.

    Safe to call from several processes at once. `cache` is the folder that `resolve` was given.

    Raises
    ------
    RequirementError
        When a distribution is gone, or does not say which files are its own.

    """
    folder = root / _digest(requirements)
    if folder.is_dir():
        os.utime(folder)  # in use again: see `leftovers`
    else:
        _build(requirements, folder, installed(cache))
    return Environment("carved", requirements.interpreter, (str(folder),))


def changed_distributions(environment: Environment) -> tuple[str, ...]:
    """Name the distributions that were upgraded, reinstalled or removed since the environment was carved from them.

    What a worker would import now is then not what was proven.
    """
    changed = []
    for folder in environment.paths if environment.kind == "carved" else ():
        for link in sorted(Path(folder).glob("*-info")):
            record = link / "RECORD"
            if not link.exists() or (record.exists() and record.stat().st_mtime > link.lstat().st_mtime):
                changed.append(link.name.partition("-")[0])
    return tuple(changed)


def _digest(requirements: Requirements) -> str:
    facts = [_FORMAT, requirements.interpreter, sys.version, [_fact(one) for one in requirements.distributions]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _fact(one: Distribution) -> list[object]:
    metadata = Path(one.location, one.metadata)
    record = metadata / "RECORD"
    try:
        changed = (record if record.exists() else metadata).stat().st_mtime_ns
    except OSError as error:
        raise RequirementError(
            f"{one.name} {one.version} is no longer installed", where=str(metadata),
            advice="its environment was changed: restart the kernel, run the notebook and deploy again") from error
    return [one.name, one.version, one.location, changed, one.source.digest]


def _build(requirements: Requirements, folder: Path, index: Index) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=_PART, dir=folder.parent))
    try:
        needed = [_installed(one) for one in requirements.distributions]
        for one in needed:
            editable = index.editable(one)
            if editable is not None:
                _copy(editable, part)
        for entry, source in _links(needed, index, part):
            _link(part, entry, source)
        part.chmod(0o755)
        part.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was first, with the same links
            raise RequirementError(f"the environment cannot be carved: {error}", where=str(folder),
                                   advice="check that the folder can be written and has space") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _installed(one: Distribution) -> Installed:
    return Installed(str(canonicalize_name(one.name)), one.location, one.metadata)


def _copy(editable: Editable, part: Path) -> None:
    """Copy a project's modules with their bytecode, which stays valid because the times are kept."""
    for name, path in editable.sources().items():
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "node_modules"))
        else:
            shutil.copy2(path, target)


def _link(part: Path, entry: str, source: str) -> None:
    place = part / entry
    if any(above.is_symlink() for above in (place, *place.parents[: entry.count("/")])) or place.exists():
        return  # two wheels hold the same file; and nothing may ever be written through a link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(source)


def _links(needed: list[Installed], index: Index, part: Path) -> Iterator[tuple[str, str]]:
    """Give (path in the carved folder, path where it is installed) for every link."""
    tops: dict[str, list[Installed]] = {}
    for one in needed:
        # An egg's metadata has no name of its own: `importlib.metadata` finds it under that of the folder it is in.
        yield one.info if one.info != "EGG-INFO" else f"{one.site.rpartition('/')[2]}-info", str(one.metadata)
        for top in _tops(one, index):
            tops.setdefault(top, []).append(one)
    for top, wanted in sorted(tops.items()):
        sharing = _sharing(top, wanted, index)
        if len(sharing) == 1 and not (part / top).exists() and not _is_namespace(Path(wanted[0].site, top)):
            yield from _whole(top, wanted[0].site)
        else:
            yield from _pieces(top, wanted, sharing, part)


def _tops(one: Installed, index: Index) -> list[str]:
    site = index.site(one.site)
    if site is None or one.name in site.editables:
        return []
    tops = [top for top, names in site.owners.items() if one.name in names and not top.endswith((".pth", ".egg-link"))]
    if not tops and one.info.endswith(".egg-info"):
        raise RequirementError(f"{one.name} does not say which files are its own", where=str(one.metadata),
                               advice=f"install it again with a current pip: pip install --force-reinstall {one.name}")
    return tops


def _sharing(top: str, wanted: list[Installed], index: Index) -> list[Installed]:
    """Give all installed distributions, wanted or not, with something in the file or folder `top`."""
    sites = [site for path in dict.fromkeys(one.site for one in wanted) if (site := index.site(path))]
    return [one for site in sites for name in site.owners.get(top, ()) if (one := site.installed(name))]


def _is_namespace(path: Path) -> bool:
    """Whether it is a package without `__init__`: what another distribution adds to it later must not come along."""
    return path.name.isidentifier() and path.is_dir() and not any(path.glob("__init__.*"))


def _whole(entry: str, site: str) -> Iterator[tuple[str, str]]:
    """Give the link to a file or folder, and to a module's bytecode, which lies beside it in `__pycache__`."""
    yield entry, f"{site}/{entry}"
    if entry.endswith(".py"):
        cached = importlib.util.cache_from_source(entry)
        if Path(site, cached).exists():
            yield cached, f"{site}/{cached}"


def _pieces(top: str, wanted: list[Installed], sharing: list[Installed], part: Path) -> Iterator[tuple[str, str]]:
    """Give links into a shared folder: the outermost packages that a wanted distribution has for itself, or files."""
    owners: dict[str, set[Installed]] = {}
    packages: set[str] = set()
    files = {one: recorded_files(one) for one in sharing}
    for one in sharing:
        for file in _under(top, files[one]):
            if "/__init__." in file:
                packages.add(file.rpartition("/")[0])
            for folder in _above(file):
                owners.setdefault(folder, set()).add(one)
    for one in wanted:
        own = {folder for folder in packages if owners.get(folder) == {one} and not (part / folder).exists()}
        if not files[one]:
            raise RequirementError(
                f"{one.name} shares the folder {top} and does not say which files are its own", where=str(one.metadata),
                advice=f"install it again with a current pip: pip install --force-reinstall {one.name}")
        entries = (next((folder for folder in _above(file) if folder in own), file) for file in _under(top, files[one]))
        for entry in dict.fromkeys(entries):
            yield from _whole(entry, one.site)


def _under(top: str, files: Iterable[str]) -> Iterator[str]:
    return (file for file in files if file == top or file.startswith(top + "/"))


def _above(file: str) -> Iterator[str]:
    """Give the folders that hold `file`, outermost first; bytecode folders are never taken whole."""
    parts = file.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        if parts[count - 1] != "__pycache__":
            yield "/".join(parts[:count])
