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
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from jupyter_deploy.capture.editable import Editable
from jupyter_deploy.capture.installed import Index, Installed, Site, installed, recorded_files
from jupyter_deploy.environment import Environment
from jupyter_deploy.errors import RequirementError
from jupyter_deploy.requirements.distributions import Distribution, Requirements

_FORMAT = 1
_PART = ".part-"
_HOUR = 3600.0


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
        os.utime(folder)  # in use again: see `forget_unused`
    else:
        _build(requirements, folder, installed(cache))
    return Environment("carved", requirements.interpreter, (str(folder),))


def forget_unused(root: Path, keep: Iterable[Environment], *, older: float = _HOUR) -> tuple[Path, ...]:
    """Delete the carved folders under `root` that no environment in `keep` uses.

    Those that were carved or taken again in the last `older` seconds stay: their service may not be recorded yet.
    """
    kept = {Path(path) for environment in keep for path in environment.paths}
    before = time.time() - older
    gone = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder not in kept and folder.is_dir() and folder.stat().st_mtime < before:
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder)
    return tuple(gone)


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
        for entry, source in _links(requirements, index):
            _link(part / entry, source)
        for one in requirements.distributions:
            editable = index.editable(_installed(one))
            if editable is not None:
                _copy(editable, part)
        part.chmod(0o755)
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if not folder.is_dir():  # else another process was first, with the same links
            raise RequirementError(f"the environment cannot be carved: {error}", where=str(folder),
                                   advice="check that the folder can be written and has space") from error


def _link(place: Path, source: str) -> None:
    if place.is_symlink() or place.exists():  # two wheels hold the same file
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(source)


def _copy(editable: Editable, part: Path) -> None:
    """Copy a project's modules with their bytecode, which stays valid because the times are kept."""
    for name, path in editable.sources().items():
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "node_modules"))
        else:
            shutil.copy2(path, target)


def _installed(one: Distribution) -> Installed:
    return Installed(str(canonicalize_name(one.name)), one.location, one.metadata)


def _links(requirements: Requirements, index: Index) -> Iterator[tuple[str, str]]:
    """Give (path in the carved folder, path where it is installed) for every link."""
    needed = [_installed(one) for one in requirements.distributions]
    tops: dict[str, dict[str, list[Installed]]] = {}
    for one in needed:
        site = index.site(one.site) or Site(one.site)
        yield _carved_metadata(one), str(one.metadata)
        for top in _tops(one, site):
            tops.setdefault(top, {}).setdefault(one.site, []).append(one)
    for top, sites in sorted(tops.items()):
        path, wanted = next(iter(sites.items()))
        site = index.site(path) or Site(path)
        if len(sites) == 1 and len(site.owners.get(top, ())) <= 1:
            yield from _whole(top, path)
        else:
            for path, wanted in sites.items():
                yield from _shared(top, index.site(path) or Site(path), wanted)


def _carved_metadata(one: Installed) -> str:
    """Name the metadata so that `importlib.metadata` finds it: an egg's own name is that of the folder it is in."""
    return one.info if one.info != "EGG-INFO" else f"{one.site.rpartition('/')[2]}-info"


def _tops(one: Installed, site: Site) -> list[str]:
    if one.name in site.editables:
        return []
    tops = [top for top, names in site.owners.items() if one.name in names and not top.endswith((".pth", ".egg-link"))]
    if not tops and one.info.endswith(".egg-info"):
        raise RequirementError(f"{one.name} does not say which files are its own", where=str(one.metadata),
                               advice=f"install it again with a current pip: pip install --force-reinstall {one.name}")
    return tops


def _whole(top: str, site: str) -> Iterator[tuple[str, str]]:
    source = os.path.join(site, top)  # noqa: PTH118 - hot path
    yield top, source
    yield from _bytecode(top, site)


def _bytecode(relative: str, site: str) -> Iterator[tuple[str, str]]:
    """Give the link to a module file's bytecode, which lies beside it in `__pycache__`."""
    if relative.endswith(".py"):
        cached = importlib.util.cache_from_source(relative)
        source = os.path.join(site, cached)  # noqa: PTH118 - hot path
        if os.path.exists(source):  # noqa: PTH110 - hot path
            yield cached, source


def _shared(top: str, site: Site, wanted: list[Installed]) -> Iterator[tuple[str, str]]:
    """Give links into a folder that several distributions share: the largest folders that only one wanted one has."""
    owners: dict[str, set[str]] = {}
    for name in site.owners.get(top, ()):
        for file in _under(top, Installed(name, site.path, site.distributions[name])):
            for folder in _above(file):
                owners.setdefault(folder, set()).add(name)
    done: set[str] = set()
    for one in wanted:
        for file in _under(top, one):
            entry = next((folder for folder in _above(file) if owners[folder] == {one.name} and folder != top), file)
            if entry not in done:
                done.add(entry)
                yield from _whole(entry, site.path)


def _under(top: str, one: Installed) -> Iterator[str]:
    return (file for file in recorded_files(one) if file == top or file.startswith(top + "/"))


def _above(file: str) -> Iterator[str]:
    """Give the folders that hold `file`, outermost first; bytecode folders are never taken whole."""
    parts = file.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        if parts[count - 1] != "__pycache__":
            yield "/".join(parts[:count])
