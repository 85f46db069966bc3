"""Whether the packages that a service needs are pinned where the project says what to install."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.errors import UsageError

REQUIREMENTS = "requirements.txt"
LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock")
_VALUE = re.compile(r"\w+ is an? ")
"""How the reason begins for a package that no code imports, but a captured value needs."""
_LOCKED = re.compile(r'^name = "([^"]+)"\nversion = "([^"]+)"', re.MULTILINE)


def find_unpinned(packages: Sequence[Mapping[str, Any]], notebook: Path, title: str,
                  given: Path | None = None) -> Iterator[Finding]:
    """Compare the packages that the service itself imports with what the project pins.

    That is the file `given`, or the nearest `requirements.txt` or lock file from the notebook's folder up to the root
    of its git repository; without one, nothing is pinned.
    """
    imported = list(_list_imported(packages))
    file = given or find_requirements(notebook)
    if file is None:
        if imported:
            names = ", ".join(one["name"] for one in imported)
            lines = " ".join(f"{one['name']}=={_public(one)}" for one in imported)
            yield Finding("warning", "unpinned-requirement", f"nothing pins {names}: there is no {REQUIREMENTS} and no "
                          "lock file, so the next run may get other versions", title, None,
                          f"write into {REQUIREMENTS} what the notebook ran on: {lines}")
        return
    listed = read_pins(file)
    for package in imported:
        yield from _compare(package, listed.get(str(canonicalize_name(package["name"]))), file, title)


def _list_imported(packages: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Leave out what others bring: by what they require, or in their values, as scikit-learn's models hold arrays."""
    direct = [one for one in packages if not one["reason"].startswith(("required by ", "serves the endpoint"))]
    for package in direct:
        name = canonicalize_name(package["name"])
        brought = any(name in other.get("needs", ()) for other in direct if other is not package)
        if not (brought and _VALUE.match(package["reason"])):
            yield package


def _public(package: Mapping[str, Any]) -> str:
    return str(package["version"]).partition("+")[0]


def _compare(package: Mapping[str, Any], requirement: Requirement | None, file: Path, title: str) -> Iterator[Finding]:
    name, version = package["name"], _public(package)
    advice = f"write {name}=={version}: what the notebook ran on"
    if requirement is None:
        yield Finding("warning", "missing-requirement", f"{file.name} does not list {name}, which the service "
                      f"needs ({package['reason']})", title, None, advice)
    elif not is_pinned(requirement):
        yield Finding("warning", "unpinned-requirement", f"{file.name} does not pin {name}: {requirement}", title,
                      None, advice)
    elif requirement.specifier and not requirement.specifier.contains(version, prereleases=True):
        yield Finding("warning", "other-requirement", f"{file.name} says {requirement}, but the notebook ran on "
                      f"{version}", title, None, f"install {requirement}, or {advice}")


def find_requirements(notebook: Path) -> Path | None:
    """Find the nearest file that pins packages, no further up than the root of the git repository."""
    start = notebook.resolve().parent
    root = next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
    for folder in (start, *start.parents):
        for name in (REQUIREMENTS, *LOCKS):
            if (folder / name).is_file():
                return folder / name
        if folder == root:
            return None
    return None


def read_pins(file: Path) -> dict[str, Requirement]:
    """Read what a requirements file, with those that it includes, or a lock file lists (raises `UsageError`)."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the requirements cannot be read: {error}", where=str(file)) from error
    if file.name in LOCKS:
        return {str(canonicalize_name(name)): Requirement(f"{name}=={version}")
                for name, version in _LOCKED.findall(text) if _parse(f"{name}=={version}") is not None}
    found: dict[str, Requirement] = {}
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).split(" --", 1)[0].strip()
        include = re.match(r"^(?:-r|--requirement|-c|--constraint)[ =]*(\S+)$", bare or line.strip())
        if include:
            found |= read_pins(file.parent / include.group(1))
        elif (requirement := _parse(bare)) is not None:
            found[str(canonicalize_name(requirement.name))] = requirement
    return found


def _parse(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def is_pinned(requirement: Requirement) -> bool:
    """Whether a requirement admits one version only."""
    return requirement.url is not None or any(
        one.operator in ("==", "===") and not one.version.endswith(".*") for one in requirement.specifier)
