"""Which build of each distribution an image takes: without a GPU those for the processor, which are far smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from jupyter_deploy.errors import RequirementError
from jupyter_deploy.hardware.builds import Build, find_builds, is_only_for_cuda, list_frameworks
from jupyter_deploy.runtime.manifest import Hardware

if TYPE_CHECKING:
    from jupyter_deploy.requirements import Distribution, Requirements


@dataclass(frozen=True)
class Wheel:
    """The build of a distribution that an image takes."""

    name: str
    """May be another distribution than the notebook's, with the same modules: `xgboost-cpu`."""
    version: str
    index: str | None = None
    """An index that has this build, if the author's own has not."""
    reason: str = ""
    """Why it is not the notebook's build; empty: it is."""


@dataclass(frozen=True)
class Wheels:
    """The builds for an image."""

    taken: tuple[Wheel, ...]
    """In the order of the requirements."""
    left_out: tuple[str, ...]
    """Names of distributions that are of use only with a GPU."""


def choose_wheels(requirements: Requirements, hardware: Hardware | None) -> Wheels:
    """Choose the builds of a service's distributions by whether it gets a GPU.

    Raises
    ------
    RequirementError
        When the author asks for a GPU and a build with CUDA requires packages that are not installed.

    """
    gpu = hardware is not None and hardware.gpu != "none"
    builds = find_builds(requirements)
    taken = []
    left_out = []
    for one in requirements.distributions:
        if not gpu and is_only_for_cuda(one.name) and one.reason.startswith("required by "):
            left_out.append(one.name)
        else:
            taken.append(_choose(one, builds, hardware if gpu else None))
    return Wheels(tuple(taken), tuple(left_out))


def _choose(one: Distribution, builds: tuple[Build, ...], hardware: Hardware | None) -> Wheel:
    name = str(canonicalize_name(one.name))
    build = next((build for build in builds
                  if name in (*build.framework.distributions, *build.framework.companions)), None)
    if one.source.kind != "index":
        return Wheel(one.name, one.version)
    if build is None:
        return _without_build(one, name, hardware)
    return _without_gpu(one, build) if hardware is None else _with_gpu(one, build, hardware)


def _without_build(one: Distribution, name: str, hardware: Hardware | None) -> Wheel:
    """Choose for a package that is not of a GPU's: it may be a framework's build for the processor.

    It stays what it is, unless the author asked for a GPU: another package may be what wants one.
    """
    for framework in list_frameworks() if hardware is not None and _asks(hardware) else ():
        if framework.cpu.get("distribution") == name:
            return Wheel(framework.cuda["distribution"], one.version, reason="a GPU is asked for: the build with CUDA")
    return Wheel(one.name, one.version)


def _asks(hardware: Hardware) -> bool:
    """Whether the author said that the service gets a GPU."""
    return any(evidence.kind == "option" for evidence in hardware.evidence)


def _without_gpu(one: Distribution, build: Build) -> Wheel:
    cpu = build.framework.cpu
    if "distribution" in cpu:
        return Wheel(cpu["distribution"], one.version, reason=f"no GPU: {one.name} without its CUDA part")
    if "local" in cpu:
        version = f"{Version(one.version).public}+{cpu['local']}"
        reason = "" if version == one.version else "no GPU: the build for the processor"
        return Wheel(one.name, version, cpu["index"], reason)
    return Wheel(one.name, one.version)


def _with_gpu(one: Distribution, build: Build, hardware: Hardware) -> Wheel:
    version = Version(one.version)
    cpu = build.framework.cpu
    if "local" in cpu and version.local == cpu["local"]:
        if _asks(hardware):  # the other build requires packages with CUDA's libraries, which the lock has not
            raise RequirementError(
                f"a GPU is asked for, and {one.name} {one.version} is the build for the processor", where=one.reason,
                advice="install the one with CUDA in the kernel and deploy again: "
                       f"pip install --force-reinstall {one.name}=={version.public}")
        return Wheel(one.name, one.version, cpu["index"])
    index = build.framework.cuda.get("index")
    if index is not None and version.local:
        return Wheel(one.name, one.version, index.format(tag=version.local))
    return Wheel(one.name, one.version)
