"""The distributions that a service runs on, and where each was installed from."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jupyter_deploy.capture.editable import Editable, direct_url
from jupyter_deploy.capture.installed import Index, Installed
from jupyter_deploy.errors import RequirementError

_FOLDED = re.compile(r"\r?\n[ \t]+")


@dataclass(frozen=True)
class Source:
    """Where a distribution was installed from, as its `direct_url.json` says; without one, from an index."""

    kind: Literal["index", "editable", "vcs", "archive", "local"] = "index"
    url: str = ""
    """The repository, the archive, or (`editable`, `local`) the path of the folder or file on this machine."""
    vcs: str = ""
    commit: str = ""
    subdirectory: str = ""
    digest: str = ""
    """Of the archive (`sha256=…`), or of an editable project's modules."""


@dataclass(frozen=True)
class Distribution:
    """An installed distribution that the service needs."""

    name: str
    """As it calls itself: `PyYAML`."""
    version: str
    """With its local part: `2.13.0+cpu`."""
    location: str
    """The folder of `sys.path` in which it is installed."""
    reason: str
    source: Source = Source()
    metadata: str = ""
    """The name of its metadata folder in `location`."""


@dataclass(frozen=True)
class Requirements:
    """Everything a service needs, pinned to what the kernel has."""

    python: str
    """The minor version: `3.11`."""
    interpreter: str
    """The path of the kernel's interpreter."""
    distributions: tuple[Distribution, ...]
    """Sorted by canonical name."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """What a distribution says about itself."""

    name: str
    version: str
    requires: tuple[str, ...]


def read_metadata(installed: Installed) -> Metadata:
    """Read name, version and declared dependencies.

    Raises
    ------
    RequirementError
        When the description is missing or broken.

    """
    try:
        file = installed.metadata / "METADATA" if installed.info.endswith(".dist-info") else installed.metadata
        return _parse(installed, file.stat().st_mtime_ns)
    except (OSError, KeyError) as error:
        raise RequirementError(f"the installed distribution {installed.name} cannot be read: {error!r}",
                               where=str(installed.metadata),
                               advice=f"reinstall it: pip install --force-reinstall {installed.name}") from error


@functools.lru_cache(maxsize=1024)
def _parse(installed: Installed, changed: int) -> Metadata:  # noqa: ARG001 - a reinstalled distribution is read again
    if installed.info.endswith(".dist-info"):
        name, version, requires = _read_headers(installed.metadata / "METADATA")
        return Metadata(name, version, tuple(requires))
    described = importlib.metadata.PathDistribution(installed.metadata)
    return Metadata(described.metadata["Name"], described.version, tuple(described.requires or ()))


def _read_headers(file: Path) -> tuple[str, str, list[str]]:
    """Read the headers only: the description below them is long, and the standard parser slow."""
    head = file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").partition("\n\n")[0]
    headers = [line.partition(":")[::2] for line in _FOLDED.sub(" ", head).split("\n")]
    first = {key.lower(): value.strip() for key, value in reversed(headers)}
    return first["name"], first["version"], [value.strip() for key, value in headers if key.lower() == "requires-dist"]


def describe(installed: Installed, index: Index, reason: str) -> Distribution:
    """Describe an installed distribution as a requirement (raises `RequirementError` when it cannot be read)."""
    metadata = read_metadata(installed)
    source = _read_source(installed, index.editable(installed))
    return Distribution(metadata.name, metadata.version, installed.site, reason, source, installed.info)


def _read_source(installed: Installed, editable: Editable | None) -> Source:
    if editable is not None:
        return Source("editable", editable.project, digest=editable.fingerprint())
    raw = direct_url(installed.metadata)
    if not raw:
        return Source("editable", installed.site) if _is_project(installed) else Source()
    url, subdirectory = str(raw.get("url", "")), str(raw.get("subdirectory", ""))
    if "vcs_info" in raw:
        info = raw["vcs_info"]
        return Source("vcs", url, str(info.get("vcs", "git")), str(info.get("commit_id", "")), subdirectory)
    if url.startswith("file:"):
        return Source("local", url.removeprefix("file://"), subdirectory=subdirectory)
    info = raw.get("archive_info", {})
    hashes = info.get("hashes", {})
    digest = f"sha256={hashes['sha256']}" if "sha256" in hashes else str(info.get("hash", ""))
    return Source("archive", url, subdirectory=subdirectory, digest=digest)


def _is_project(installed: Installed) -> bool:
    """Whether the metadata lies in a project folder, where `setup.py develop` leaves it, and not in a site folder."""
    return installed.info.endswith(".egg-info") and os.path.basename(installed.site) not in (  # noqa: PTH119 - text only
        "site-packages", "dist-packages")
