"""Extras that bring the libraries of CUDA: no metadata tells that one was installed, but what it brings does."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jupyter_deploy.capture.installed import Index
from jupyter_deploy.requirements.distributions import read_metadata


@functools.cache
def _read() -> Mapping[str, list[list[str]]]:
    """Read the alternatives that each distribution has: extras that go together."""
    facts = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    found: dict[str, list[list[str]]] = facts["cuda"]
    return found


def name_with_cuda(name: str) -> str | None:
    """Say what to install for a distribution to bring CUDA along; None if it does so by itself, or cannot use it."""
    alternatives = _read().get(str(canonicalize_name(name)))
    return None if alternatives is None else f"{name}[{','.join(alternatives[0])}]"


def find_extras(name: str, requires: Iterable[str], index: Index) -> frozenset[str]:
    """Find those of which all that they require is installed, and fits; `requires` are the distribution's lines."""
    wanted: dict[str, list[bool]] = {}
    extras = [extra for together in _read().get(str(canonicalize_name(name)), ()) for extra in together]
    for text in requires if extras else ():
        for extra in extras:
            if (fits := _fits(text, extra, index)) is not None:
                wanted.setdefault(extra, []).append(fits)
    return frozenset(extra for extra, found in wanted.items() if all(found))


def _fits(text: str, extra: str, index: Index) -> bool | None:
    """Tell whether what an extra requires is installed; None for a line that it does not add."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}) or not marker.evaluate({"extra": extra}):
        return None
    found = index.find(requirement.name)
    return found is not None and requirement.specifier.contains(read_metadata(found).version, prereleases=True)
