"""Which distributions this interpreter has installed, and which of them owns a file.

`importlib.metadata` answers this by reading every file that every distribution records, each time. Here each folder
of `sys.path` is read once into a small index, which is kept in memory and on disk until the folder changes.
"""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import json
import os
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from jupyter_deploy.capture.editable import Editable, read_editable

_FORMAT = 1
_SETTLED = 2.0
"""Seconds after which a folder is taken to be at rest: an installer writes the record last."""


@dataclass(frozen=True)
class Installed:
    """A distribution where it was found: `info` is its metadata folder in the folder `site`."""

    name: str
    """In canonical form: `scikit-learn`."""
    site: str
    info: str

    @property
    def metadata(self) -> Path:
        """The folder (`*.dist-info`, `*.egg-info`) or, for very old installs, the file that describes it."""
        return Path(self.site, self.info)


@dataclass(frozen=True)
class Site:
    """What one folder of `sys.path` holds."""

    path: str
    distributions: dict[str, str] = field(default_factory=dict)
    """Canonical name → metadata folder."""
    owners: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a file or folder directly in this folder → the distributions that put something there."""
    editables: dict[str, Editable] = field(default_factory=dict)

    def installed(self, name: str) -> Installed | None:
        """Give the distribution with this canonical name, if it is installed here."""
        return Installed(name, self.path, self.distributions[name]) if name in self.distributions else None


@dataclass(frozen=True)
class Index:
    """The folders of `sys.path`, in its order."""

    sites: tuple[Site, ...]

    def find(self, name: str) -> Installed | None:
        """Give the distribution that Python would use: the first of that name on `sys.path`."""
        key = str(canonicalize_name(name))
        return next((found for site in self.sites if (found := site.installed(key))), None)

    def site(self, path: str) -> Site | None:
        """Give the site whose folder is `path`."""
        return next((site for site in self.sites if site.path == path), None)

    def editable(self, installed: Installed) -> Editable | None:
        """Give the project folder that an editable install points to."""
        site = self.site(installed.site)
        return site.editables.get(installed.name) if site else None

    def owners(self, file: str) -> tuple[Installed, ...]:
        """Give the distributions that `file` (absolute) belongs to: one, none, or several that share it."""
        for candidate in dict.fromkeys((file, os.path.realpath(file))):
            for site in self._around(candidate):
                found = _owners_in(site, candidate[len(site.path) + 1 :])
                if found:
                    return found
            for site in self.sites:
                for name, editable in site.editables.items():
                    if editable.provides(candidate):
                        return (Installed(name, site.path, site.distributions[name]),)
        return ()

    def sharing(self, path: str) -> tuple[Installed, ...]:
        """Give the distributions with files anywhere under the folder `path` (absolute), a namespace package."""
        for site in self._around(path):
            inside = path[len(site.path) + 1 :]
            names = site.owners.get(inside.split("/")[0], ())
            installed = [Installed(name, site.path, site.distributions[name]) for name in names]
            found = [one for one in installed if any(file.startswith(inside + "/") for file in recorded_files(one))]
            if found:
                return tuple(found)
        return ()

    def _around(self, path: str) -> list[Site]:
        """Give the sites that `path` lies in, innermost first: one may be inside another (`setuptools/_vendor`)."""
        around = [site for site in self.sites if path.startswith(site.path + "/")]
        return sorted(around, key=lambda site: -len(site.path))


def _owners_in(site: Site, relative: str) -> tuple[Installed, ...]:
    names = site.owners.get(relative.split("/")[0], ())
    candidates = tuple(Installed(name, site.path, site.distributions[name]) for name in names)
    if len(candidates) < 2:
        return candidates
    listed = {one: digest for one in candidates if (digest := _recorded_digest(one, relative)) is not None}
    if len(listed) < 2:
        return tuple(listed)
    # Two wheels wrote the same file: the one whose hash it has was installed last.
    found = "sha256=" + _record_hash(Path(site.path, relative))
    return tuple(one for one, digest in listed.items() if digest == found) or tuple(listed)


def _record_hash(file: Path) -> str:
    try:
        return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")
    except OSError:
        return ""


def _recorded_digest(installed: Installed, relative: str) -> str | None:
    for row in _record_rows(installed):
        if row[0] == relative:
            return row[1] if len(row) > 1 else ""
    return None


def _record_rows(installed: Installed) -> Iterator[list[str]]:
    try:
        text = (installed.metadata / "RECORD").read_text(encoding="utf-8", errors="replace")
    except OSError:
        yield from ([file] for file in _files_of_egg(installed.metadata))
    else:
        yield from (row for row in csv.reader(text.splitlines()) if row)


def recorded_files(installed: Installed) -> tuple[str, ...]:
    """List the files of a distribution, relative to its site folder; those outside (scripts, data) are left out."""
    return tuple(row[0] for row in _record_rows(installed) if not row[0].startswith(("..", "/")))


def _files_of_egg(metadata: Path) -> list[str]:
    try:
        lines = (metadata / "installed-files.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [os.path.normpath(f"{metadata.name}/{line}") for line in lines]


_memory: dict[str, tuple[int, Site]] = {}
"""Folder → the time it was last changed and its index."""


def installed(cache: Path | None = None) -> Index:
    """Index what is installed on `sys.path`.

    `cache` is a folder in which the index of each site folder is kept between processes.
    """
    sites: dict[str, Site] = {}
    for entry in sys.path:
        path = os.path.abspath(entry)  # noqa: PTH100 - must not follow links, as module.__file__ does not
        if os.path.realpath(path) not in sites and not _is_standard(path):
            site = _site(path, cache)
            if site is not None:
                sites[os.path.realpath(path)] = site
    return Index(tuple(sites.values()))


@functools.lru_cache(maxsize=1)
def standard_folders() -> tuple[str, ...]:
    """Give the folders of the standard library."""
    paths = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib")}
    return tuple(sorted(paths | {os.path.realpath(path) for path in paths}))


def _is_standard(path: str) -> bool:
    return any(path in (folder, os.path.join(folder, "lib-dynload")) for folder in standard_folders())  # noqa: PTH118 - text only


def _site(path: str, cache: Path | None) -> Site | None:
    try:
        changed = os.stat(path).st_mtime_ns  # noqa: PTH116 - hot path
        if path in _memory and _memory[path][0] == changed:
            return _memory[path][1]
        site = _read_cached(path, changed, cache) or _scan(path)
    except OSError:  # not there, or a zip file
        return None
    if time.time() - changed / 1e9 > _SETTLED:
        _memory[path] = (changed, site)
        if cache is not None and site.distributions:
            _write_cached(site, changed, cache)
    return site


def _cache_file(path: str, cache: Path) -> Path:
    return cache / f"{hashlib.sha256(path.encode()).hexdigest()[:16]}.json"


def _read_cached(path: str, changed: int, cache: Path | None) -> Site | None:
    if cache is None:
        return None
    try:
        raw = json.loads(_cache_file(path, cache).read_bytes())
        if (raw["format"], raw["path"], raw["changed"]) != (_FORMAT, path, changed):
            return None
        owners = {top: tuple(names) for top, names in raw["owners"].items()}
        editables = {name: Editable.parse(one) for name, one in raw["editables"].items()}
        return Site(path, raw["distributions"], owners, editables)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_cached(site: Site, changed: int, cache: Path) -> None:
    file = _cache_file(site.path, cache)
    part = file.with_suffix(f".{os.getpid()}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"format": _FORMAT, "changed": changed, **asdict(site)}))
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)  # a cache that cannot be written costs time, nothing else


def _scan(path: str) -> Site:
    site = Site(path)
    owners: dict[str, list[str]] = {}
    entries = sorted(os.listdir(path))  # noqa: PTH208 - hot path
    for entry in entries:
        if not entry.endswith((".dist-info", ".egg-info", "EGG-INFO")):
            continue
        titled = entry if entry != "EGG-INFO" else path.rpartition("/")[2]
        name = str(canonicalize_name(titled.rsplit(".", 1)[0].split("-")[0]))
        if name in site.distributions:
            continue
        site.distributions[name] = entry
        found = Installed(name, path, entry)
        for top in _tops(found, entries):
            owners.setdefault(top, []).append(name)
        if (found.metadata / "direct_url.json").is_file() and (editable := read_editable(found.metadata)):
            site.editables[name] = editable
    site.owners.update((top, tuple(names)) for top, names in owners.items())
    return site


def _tops(installed: Installed, entries: list[str]) -> set[str]:
    """Name the entries of the site folder that a distribution put something into, its metadata left out."""
    if installed.info == "EGG-INFO":  # a folder of its own
        return set(entries) - {"EGG-INFO", "__pycache__"}
    try:
        record = (installed.metadata / "RECORD").read_bytes()
        firsts = {line.partition(b"/")[0] for line in record.split(b"\n")}  # all in C: records have 50,000 lines
        tops = {first.partition(b",")[0].strip(b'"\r').decode() for first in firsts}
        return tops - {"", "..", ".", "__pycache__", installed.info}
    except OSError:
        pass
    listed = {file.split("/")[0] for file in _files_of_egg(installed.metadata)}
    if listed:
        return listed - {"..", "__pycache__", installed.info}
    try:
        names = set((installed.metadata / "top_level.txt").read_text(encoding="utf-8").split())
    except OSError:  # a system package manager removed the records: the module has the distribution's name
        names = {installed.name.replace("-", "_"), installed.name}
    return {entry for entry in entries if entry.split(".")[0] in names and not entry.endswith((".pth", "-info"))}
