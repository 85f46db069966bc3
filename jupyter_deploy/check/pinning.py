"""Whether the packages that a service needs are pinned where the project says what to install."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.errors import UsageError
from jupyter_deploy.notebook import Notebook

REQUIREMENTS = "requirements.txt"
_INSTALL = re.compile(r"^\s*[!%](?:\S*python3?\s+-m\s+|uv\s+)?(?:pip3?|conda|mamba)\s+install\s+(.*)$")
_TAKES_VALUE = {"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f",
                "--find-links", "-e", "--editable", "-t", "--target", "--channel", "-n"}


def find_installs(notebook: Notebook, title: str) -> Iterator[Finding]:
    """Find lines of cells that install whatever version is the newest that day."""
    for cell in notebook.cells:
        for line in cell.source.splitlines():
            found = _INSTALL.match(line)
            for name in _unpinned_words(found.group(1)) if found else ():
                yield Finding("warning", "unpinned-install", f"{line.strip()} takes whatever version of {name} is the "
                              "newest that day", title, f"cell {cell.position}", f"write {name}==VERSION")


def _unpinned_words(text: str) -> Iterator[str]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in _TAKES_VALUE
        elif (requirement := _parse(word)) is not None and not is_pinned(requirement):
            yield requirement.name


def find_unpinned(packages: Sequence[Mapping[str, Any]], notebook: Path, title: str,
                  given: Path | None = None) -> Iterator[Finding]:
    """Compare the packages that the service itself imports with the project's `requirements.txt`.

    That is the file `given`, or the nearest one from the notebook's folder up to the root of its git repository;
    without one there is nothing to compare with.
    """
    file = given or find_requirements(notebook)
    if file is None:
        return
    listed = read_requirements(file)
    for package in packages:
        name, version = package["name"], package["version"].partition("+")[0]
        if package["reason"].startswith(("required by ", "serves the endpoint")):
            continue
        requirement = listed.get(str(canonicalize_name(name)))
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
    """Find the nearest `requirements.txt`, no further up than the root of the git repository."""
    start = notebook.resolve().parent
    root = next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
    for folder in (start, *start.parents):
        if (folder / REQUIREMENTS).is_file():
            return folder / REQUIREMENTS
        if folder == root:
            return None
    return None


def read_requirements(file: Path) -> dict[str, Requirement]:
    """Read what a requirements file, and those that it includes, list, by canonical name (raises `UsageError`)."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the requirements cannot be read: {error}", where=str(file)) from error
    found: dict[str, Requirement] = {}
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).split(" --", 1)[0].strip()
        include = re.match(r"^(?:-r|--requirement|-c|--constraint)[ =]*(\S+)$", bare or line.strip())
        if include:
            found |= read_requirements(file.parent / include.group(1))
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
