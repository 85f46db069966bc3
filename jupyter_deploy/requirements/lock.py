"""The requirements as text: one pinned distribution a line, with the reason why it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from jupyter_deploy.errors import BundleError
from jupyter_deploy.requirements.distributions import Distribution, Requirements, Source

_VERSION = re.compile(r"version (\S+?)(?:;|$)")
_SOURCES = re.compile(r"editable project, sources (\w+)")


@dataclass(frozen=True)
class Pin:
    """A line of the lock: a distribution at one version, and where it is to be had."""

    name: str
    version: str
    reason: str
    """Who asked for it."""
    kind: Literal["index", "editable", "vcs", "archive", "local"] = "index"
    requirement: str = ""
    """What the line asks for, as pip writes it."""
    sources: str = ""
    """The digest of an editable project's modules."""


def write_lock(requirements: Requirements) -> str:
    """Write `requirements.lock`: the same requirements, the same text, and no path of this machine."""
    lines = [f"# What the service needs, pinned to what the notebook ran on (Python {requirements.python})."]
    lines += [_line(one) for one in requirements.distributions]
    return "\n".join(lines) + "\n"


def _line(one: Distribution) -> str:
    pinned, origin = f"{one.name}=={one.version}", ""
    source = one.source
    if source.kind == "vcs":
        pinned, origin = f"{one.name} @ {source.vcs}+{_public(source.url)}@{source.commit}", f"version {one.version}"
        pinned += f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
    elif source.kind == "archive":
        fragments = [source.digest, f"subdirectory={source.subdirectory}" if source.subdirectory else ""]
        pinned, origin = f"{one.name} @ {_public(source.url)}", f"version {one.version}"
        pinned += "#" + "&".join(filter(None, fragments)) if any(fragments) else ""
    elif source.kind == "editable":
        origin = f"editable project, sources {source.digest}" if source.digest else "editable project"
    elif source.kind == "local":
        origin = f"installed from {_name(source)}, not from an index"
    reason = " ".join(one.reason.split())
    return f"{pinned}  # {'; '.join(filter(None, (origin, reason)))}"


def _name(source: Source) -> str:
    file = source.url.endswith((".whl", ".gz", ".zip"))
    return f"the local file {unquote(source.url.rpartition('/')[2])}" if file else "a local folder"


def _public(url: str) -> str:
    """Take user and password out of a URL; the user of an SSH address is part of it."""
    parts = urlsplit(url)
    if "@" not in parts.netloc or (parts.scheme == "ssh" and parts.password is None):
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def read_lock(text: str) -> tuple[Pin, ...]:
    """Read what `write_lock` wrote (raises `BundleError`, naming a line that it did not)."""
    return tuple(_pin(line, number) for number, line in enumerate(text.splitlines(), start=1)
                 if line.strip() and not line.startswith("#"))


def _pin(line: str, number: int) -> Pin:
    requirement, _, note = line.partition("  # ")
    name, at, url = requirement.partition(" @ ")
    if at:
        version = _VERSION.search(note)
        if version is not None:
            kind: Literal["vcs", "archive"] = "vcs" if "+" in url.partition("://")[0] else "archive"
            return Pin(name, version.group(1), _reason(note), kind, requirement)
    else:
        name, equal, pinned = requirement.partition("==")
        if equal:
            return _plain(name, pinned, note, requirement)
    raise BundleError(f"wanted name==version, found {line!r}", where=f"requirements.lock, line {number}")


def _plain(name: str, version: str, note: str, requirement: str) -> Pin:
    if note.startswith("editable project"):
        sources = _SOURCES.match(note)
        return Pin(name, version, _reason(note), "editable", requirement, sources.group(1) if sources else "")
    if note.startswith("installed from "):
        return Pin(name, version, _reason(note), "local", requirement)
    return Pin(name, version, note, requirement=requirement)


def _reason(note: str) -> str:
    return note.partition("; ")[2]
