"""From the modules a service imports to the distributions it needs, with the reason for each."""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jupyter_deploy.capture.installed import Index, Installed, installed
from jupyter_deploy.capture.origin import classify
from jupyter_deploy.errors import RequirementError
from jupyter_deploy.requirements.distributions import Distribution, Requirements, describe, read_metadata
from jupyter_deploy.requirements.extras import find_extras

RUNTIME = ("httptools", "orjson", "uvloop")
"""What `jupyter_deploy/runtime` imports beyond the standard library."""
UNDECLARED = {"torch": "numpy"}
"""What a distribution uses without requiring it: PyTorch makes arrays of tensors, and so JSON, with NumPy."""


def resolve(modules: Mapping[str, str], *, runtime: bool = True, cache: Path | None = None) -> Requirements:
    """Find the smallest set of installed distributions that lets `modules` be imported.

    Parameters
    ----------
    modules
        Module names (dotted: the finer, the more exact) → the reason why each is imported.
    runtime
        Whether to add what serves the endpoint.
    cache
        A folder that keeps the index of installed distributions between processes.

    Raises
    ------
    RequirementError
        When a module cannot be found, or the runtime's own distributions are not installed.

    """
    index = installed(cache)
    closure = _Closure(index)
    for module, reason in sorted(modules.items()):
        closure.add(_owners(module, reason, cache), reason)
    if runtime:
        closure.add((_runtime(name, index) for name in RUNTIME), "serves the endpoint")
    closure.follow()
    return _requirements(closure, {})


def add_module(requirements: Requirements, module: str, reason: str, *, cache: Path | None = None) -> Requirements:
    """Add what provides `module`, which the clean environment turned out to lack.

    Raises
    ------
    RequirementError
        When the kernel's environment does not have it either.

    """
    closure = _Closure(installed(cache))
    closure.add(_owners(module, reason, cache), reason)
    closure.follow()
    added = _requirements(closure, {_key(one): one for one in requirements.distributions})
    return replace(added, warnings=tuple(dict.fromkeys((*requirements.warnings, *added.warnings))))


def _key(distribution: Distribution) -> str:
    return str(canonicalize_name(distribution.name))


def _requirements(closure: _Closure, existing: Mapping[str, Distribution]) -> Requirements:
    described = {one.name: describe(one, closure.index, reason) for one, reason in closure.reasons.items()}
    chosen = {**described, **existing}
    return Requirements(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        interpreter=sys.executable,
        distributions=tuple(chosen[name] for name in sorted(chosen)),
        warnings=tuple(dict.fromkeys(closure.warnings)),
    )


def _owners(module: str, reason: str, cache: Path | None) -> tuple[Installed, ...]:
    origin = classify(module, cache=cache)
    if origin.kind == "missing":
        raise RequirementError(
            f"the service imports {module}, which this kernel cannot find: {reason}",
            advice="install what provides it in the kernel's environment and run the cell that imports it again, "
                   "or remove the import",
        )
    return origin.distributions


def _runtime(name: str, index: Index) -> Installed:
    found = index.find(name)
    if found is None:
        raise RequirementError(f"serving needs {name}, which is not installed in the kernel's environment",
                               where=sys.executable, advice="install it there, with the rest: pip install nbdeploy")
    return found


@dataclass
class _Closure:
    """Collects distributions with what their metadata requires, first reason first."""

    index: Index
    reasons: dict[Installed, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _extras: dict[Installed, set[str]] = field(default_factory=dict)
    _queue: deque[tuple[Installed, frozenset[str], bool]] = field(default_factory=deque)

    def add(self, found: Iterable[Installed], reason: str, extras: frozenset[str] = frozenset(), *,
            guessed: bool = False) -> None:
        """Take in distributions, unless they are in with these extras already.

        Of extras that are `guessed`, what is not installed is no loss.
        """
        for one in found:
            known = self._extras.get(one)
            if known is None or not extras <= known:
                self.reasons.setdefault(one, reason)
                self._extras[one] = (known or set()) | extras
                self._queue.append((one, extras, guessed))

    def follow(self) -> None:
        """Take in what those that are in require, until nothing new turns up."""
        while self._queue:
            one, extras, guessed = self._queue.popleft()
            metadata = read_metadata(one)
            for text in metadata.requires:
                if extras or not _only_for_extra(text):
                    self._require(text, extras, metadata.name, guessed=guessed)
            if used := self.index.find(UNDECLARED.get(str(canonicalize_name(metadata.name)), "")):
                self.add((used,), f"{metadata.name} makes arrays with it")
            if cuda := find_extras(metadata.name, metadata.requires, self.index):
                self.add((one,), "", cuda, guessed=True)

    def _require(self, text: str, extras: frozenset[str], by: str, *, guessed: bool) -> None:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            self.warnings.append(f"{by} declares a dependency that cannot be read, {text!r}: left out")
            return
        if not _applies(requirement, extras):
            return
        found = self.index.find(requirement.name)
        if found is None:
            if not guessed:
                self.warnings.append(f"{by} requires {requirement}, which is not installed here: left out")
            return
        version = read_metadata(found).version
        if not requirement.specifier.contains(version, prereleases=True):
            self.warnings.append(f"{by} requires {requirement}, but version {version} is installed")
        self.add((found,), f"required by {by}", frozenset(requirement.extras), guessed=guessed)


def _only_for_extra(text: str) -> bool:
    """Whether a requirement line counts only with an extra, judged without the cost of parsing it."""
    marker = text.partition(";")[2]
    return "extra" in marker and "==" in marker.partition("extra")[2] and " or " not in marker


@functools.lru_cache(maxsize=1)
def _environment() -> dict[str, str]:
    return cast("dict[str, str]", default_environment())


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    names: list[Any] = [*sorted(extras), ""]
    return any(requirement.marker.evaluate({**_environment(), "extra": name}) for name in names)
