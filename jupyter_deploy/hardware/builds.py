"""Which CUDA version a framework is built with, read from package metadata and never by importing it."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from packaging.utils import canonicalize_name
from packaging.version import Version

from jupyter_deploy.hardware.facts import read_facts

if TYPE_CHECKING:
    from jupyter_deploy.requirements import Distribution, Requirements

_TAG = re.compile(r"cu(\d{2})(\d)")
_RUNTIME = re.compile(r"(nvidia-cuda-runtime|nvidia-cuda-nvrtc|cuda-toolkit)(-cu\d+)?")
_MAJOR = re.compile(r"-cu(?:da)?(\d+)x?\b")


@dataclass(frozen=True)
class Framework:
    """A package that can compute on a GPU; `facts/frameworks.json` has one object for each."""

    name: str
    distributions: tuple[str, ...]
    modules: tuple[str, ...]
    state: Literal["pinned", "free", "never"]
    """Whether a captured value goes back to the device it was on: always, where there is one, never."""
    automatic: bool = False
    """It uses a GPU without being told to."""
    alone: bool = False
    """It does not work without one."""
    companions: tuple[str, ...] = ()
    """Distributions that must be of the same build."""
    cpu: dict[str, str] = field(default_factory=dict)
    """How to get the build without CUDA: `local` version and `index`, or another `distribution`."""
    cuda: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Build:
    """A framework as it is installed."""

    framework: Framework
    distribution: Distribution
    cuda: str | None
    """`12.6`, or `12` when only that is known; None: it is built without CUDA, or does not tell."""
    source: str = ""
    """Where that was read."""


def list_frameworks() -> tuple[Framework, ...]:
    """List the frameworks that are known."""
    return tuple(_parse(raw) for raw in read_facts("frameworks")["frameworks"])


def _parse(raw: dict[str, Any]) -> Framework:
    return Framework(
        raw["name"], tuple(raw["distributions"]), tuple(raw["modules"]), raw["state"], raw.get("automatic", False),
        raw.get("alone", False), tuple(raw.get("with", ())), raw.get("cpu", {}), raw.get("cuda", {}))


def find_builds(requirements: Requirements) -> tuple[Build, ...]:
    """Find the frameworks among a service's packages, with what each is built for."""
    installed = {str(canonicalize_name(one.name)): one for one in requirements.distributions}
    builds = []
    for framework in list_frameworks():
        for name in framework.distributions:
            if name in installed:
                builds.append(Build(framework, installed[name], *_find_cuda(installed[name], installed)))
                break
    return tuple(builds)


def _find_cuda(distribution: Distribution, installed: dict[str, Distribution]) -> tuple[str | None, str]:
    local = Version(distribution.version).local or ""
    if tag := _TAG.fullmatch(local):
        return f"{tag[1]}.{tag[2]}", f"its version says {local}"
    if local == "cpu":
        return None, ""
    if plain := _MAJOR.search(str(canonicalize_name(distribution.name))):
        exact = _runtime_of(installed, plain[1])
        return exact or plain[1], f"its name says CUDA {plain[1]}"
    if exact := _runtime_of(installed, ""):
        return exact, "it requires that CUDA runtime"
    return None, ""


def is_runtime(name: str) -> bool:
    """Whether a distribution has the libraries of CUDA that every framework loads, or brings them along."""
    return _RUNTIME.fullmatch(str(canonicalize_name(name))) is not None


def _runtime_of(installed: dict[str, Distribution], major: str) -> str | None:
    """Give the version of the CUDA runtime among the packages: frameworks from an index require the one they fit."""
    for name, one in sorted(installed.items()):
        if is_runtime(name):
            version = Version(one.version)
            if major in ("", str(version.major)):
                return f"{version.major}.{version.minor}"
    return None


def is_only_for_cuda(name: str) -> bool:
    """Whether a distribution is of use only beside a build with CUDA."""
    patterns: list[str] = read_facts("frameworks")["only_for_cuda"]
    return any(fnmatch.fnmatchcase(str(canonicalize_name(name)), pattern) for pattern in patterns)


def find_driver(cuda: str) -> tuple[str | None, str | None]:
    """Give the oldest NVIDIA driver that runs a CUDA version, and the one that came with it."""
    facts = read_facts("cuda")
    return facts["minor_compatibility"].get(cuda.partition(".")[0]), facts["toolkit_driver"].get(cuda)


def find_capability(cuda: str) -> str | None:
    """Give the least compute capability that the compiler of a CUDA version knows."""
    capability: str | None = read_facts("cuda")["least_capability"].get(cuda.partition(".")[0])
    return capability
