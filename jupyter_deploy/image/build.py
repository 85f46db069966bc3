"""From a bundle to a proven image: wheels, parts, proof, and only then a name."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_deploy.bundle import Bundle, open_bundle
from jupyter_deploy.errors import ImageError, RequirementError, UsageError, telling_when_full
from jupyter_deploy.image.choice import choose_system, find_lacks
from jupyter_deploy.image.engine import Engine, connect
from jupyter_deploy.image.parts import Parts, prune_parts
from jupyter_deploy.image.project import Project, check_secrets, choose_wheels_for, make_project
from jupyter_deploy.image.proving import prove_image
from jupyter_deploy.image.sbom import write_sbom
from jupyter_deploy.image.wheels import Platform, Wheel
from jupyter_deploy.proof import Proof
from jupyter_deploy.registry import data_dir

Report = Callable[[str, str, float], None]
"""Called after each stage with its name, what came of it, and the seconds it took."""
BASE = "NBDEPLOY_BASE"
"""The variable that names the base image of whoever always builds on the same."""
_PLATFORMS = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_REFERENCE = re.compile(r"[a-z0-9]+([._/:-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?", re.ASCII)


@dataclass(frozen=True)
class BuildOptions:
    """What the author asked for."""

    tag: str | None = None
    """The image's name; by default the service's, with the version as its tag."""
    base: str | None = None
    """The image to build on; by default that of `NBDEPLOY_BASE`, else `python:<minor>-slim`."""
    platform: str | None = None
    """Such as `linux/arm64`; by default the engine's own."""
    push: bool = False
    golden: bool = True
    """Whether the golden calls stay in the image once it is proven."""
    lambda_adapter: bool = False
    system: tuple[str, ...] | None = None
    """Packages of the base's distribution to install; by default those whose libraries the environment links to."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the proof: the secrets that the service needs. They never enter the image."""


@dataclass(frozen=True)
class Layer:
    """One of our own layers."""

    name: str
    size: int
    """Bytes, unpacked."""


@dataclass(frozen=True)
class Image:
    """A proven image in the engine."""

    reference: str
    id: str
    size: int
    """Bytes with the base, unpacked."""
    version: str
    layers: tuple[Layer, ...]
    proof: Proof
    sbom: Path
    """A CycloneDX document."""
    seconds: float


@telling_when_full()
def build_image(folder: Path, *, options: BuildOptions | None = None, report: Report = lambda *_: None,
                say: Callable[[str], None] = lambda _: None) -> Image:
    """Build the bundle in `folder` into an image, prove it in a container, and give it its name.

    `say` is told each step of the engine while it builds.

    Raises
    ------
    ProofError
        When the container answers differently from the notebook; the image has no name then.
    ImageError
        When there is no engine, or it cannot build, run or push.
    RequirementError
        When there is no wheel for a line of the lock.
    DiskFull
        When there is no room for the wheels or the build's files; the engine's own disk is the engine's to tell of.

    """
    started = time.perf_counter()
    options = options or BuildOptions()
    bundle = open_bundle(folder)
    reference = check_reference(options.tag or f"{bundle.manifest.name}:{bundle.version}")
    engine = connect()
    parts = _prepare(bundle, options, engine, report, say)
    image = _build(parts, report)
    try:
        proof = _prove(engine, image, bundle, options, report)
        engine.tag(image, reference)
    except BaseException:
        engine.remove_unnamed(image)
        raise
    prune_parts(engine)
    sbom = _keep_sbom(parts.project)
    if options.push:
        with _stage(report, "push") as said:
            engine.push(reference, say)
            said.append(reference)
    found = engine.find(image) or {}
    names = parts.project.layout.layers
    layers = tuple(Layer(*one) for one in zip(names, engine.sizes(image)[-len(names):], strict=True))
    return Image(reference, str(found["Id"]), int(found["Size"]), bundle.version, layers, proof, sbom,
                 time.perf_counter() - started)


def check_reference(reference: str) -> str:
    """Give the name of an image back (`UsageError` for what cannot be one)."""
    if not _REFERENCE.fullmatch(reference):
        raise UsageError(f"{reference!r} cannot name an image",
                         advice="for instance --tag registry.example.com/churn:1")
    return reference


def _prepare(bundle: Bundle, options: BuildOptions, engine: Engine, report: Report, say: Callable[[str], None]
             ) -> Parts:
    """Gather what the image is made of: the base image, the wheels, and what the base lacks for them."""
    machine = read_platform(options.platform) if options.platform else engine.machine
    base = options.base or default_base(bundle.manifest.python)
    found = _find_base(base, options.platform, engine, report)
    if bundle.manifest.hardware is not None and bundle.manifest.hardware.gpu == "needed":
        engine.ask(found, ["python3", "-I", "-S", "-c", ""], gpus=True)  # without one the proof would fail, much later
    with _stage(report, "wheels") as said:
        wheels = choose_wheels_for(bundle, Platform(bundle.manifest.python, machine), data_dir() / "wheels",
                                   said.append)
        _see_to_cuda(wheels, bundle, options, said.append)
    system = options.system
    if system is None:
        system = choose_system(wheels, engine, found, data_dir() / "wheels")
    project = make_project(bundle, wheels, base, golden=options.golden, lambda_adapter=options.lambda_adapter,
                           system=system)
    check_secrets(project, options.environment.values())
    return Parts(engine, project, found, options.platform, say)


def _see_to_cuda(wheels: tuple[Wheel, ...], bundle: Bundle, options: BuildOptions, say: Callable[[str], None]) -> None:
    """Refuse a service that needs a GPU where neither a wheel nor the author's own base can have CUDA's libraries."""
    hardware = bundle.manifest.hardware
    own_base = options.base or os.environ.get(BASE)
    for lack in find_lacks(wheels, bundle.manifest):
        if not own_base and hardware is not None and hardware.gpu == "needed":
            what, _, advice = lack.partition(": ")
            raise RequirementError(what, advice=advice)
        say(f"; {lack}")


def read_platform(platform: str) -> str:
    """Name the machine of a platform (`UsageError` for one that there is not)."""
    if platform not in _PLATFORMS:
        raise UsageError(f"there is no platform {platform!r}", advice=f"the platforms are: {', '.join(_PLATFORMS)}")
    return _PLATFORMS[platform]


def _find_base(base: str, platform: str | None, engine: Engine, report: Report) -> str:
    """Find the base image, or fetch it; gives its id."""
    found = engine.find(base)
    if found is None:
        with _stage(report, "base") as said:
            found = engine.pull(base, platform)
            said.append(f"pulled {base}")
    architecture = str(found["Architecture"])
    if platform is not None and architecture != platform.partition("/")[2]:
        raise ImageError(f"the base image is for linux/{architecture}, and the platform wanted is {platform}",
                         where=base, advice=f"docker pull --platform {platform} {base}, or name another with --base")
    return str(found["Id"])


def _build(parts: Parts, report: Report) -> str:
    """Build what is not there yet, and give the image's id."""
    layout = parts.project.layout
    with _stage(report, "environment") as said:
        environment = parts.build_environment()
        said.append(parts.describe(environment, layout.layers[: -1 - len(layout.content)]))
    with _stage(report, "content") as said:
        content = parts.build_content(environment)
        said.append(parts.describe(content, layout.content))
    with _stage(report, "service") as said:
        image = parts.build_service(content)
        said.append(parts.describe(image, layout.layers[-1:]))
    return image


def _prove(engine: Engine, image: str, bundle: Bundle, options: BuildOptions, report: Report) -> Proof:
    with _stage(report, "prove") as said:
        proof = prove_image(engine, image, bundle, options.environment)
        said.append(f"{proof.equal} of {proof.calls} golden calls equal in a container")
    return proof


def default_base(python: str) -> str:
    """Name the base image for a minor version of Python, unless the author's `NBDEPLOY_BASE` names another."""
    return os.environ.get(BASE) or f"python:{python}-slim"


def _keep_sbom(project: Project) -> Path:
    manifest, layout = project.bundle.manifest, project.layout
    file = data_dir() / "images" / f"{manifest.name}-{manifest.version}.cdx.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(write_sbom(manifest, project.wheels, layout.base, layout.system), encoding="utf-8")
    return file


@contextmanager
def _stage(report: Report, name: str) -> Iterator[list[str]]:
    started = time.perf_counter()
    said: list[str] = []
    yield said
    report(name, "".join(said), time.perf_counter() - started)
