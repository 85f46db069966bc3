"""From a bundle to a proven image: wheels, parts, proof, and only then a name."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_deploy.bundle import Bundle, open_bundle
from jupyter_deploy.errors import RequirementError, UsageError
from jupyter_deploy.image.choice import choose_pins, choose_system
from jupyter_deploy.image.engine import Engine, connect
from jupyter_deploy.image.parts import Parts, make_layout
from jupyter_deploy.image.proving import prove_image
from jupyter_deploy.image.sbom import write_sbom
from jupyter_deploy.image.wheels import Platform, Wheel, gather_wheels
from jupyter_deploy.proof import Proof
from jupyter_deploy.registry import data_dir
from jupyter_deploy.requirements import read_lock

Report = Callable[[str, str, float], None]
"""Called after each stage with its name, what came of it, and the seconds it took."""
_PLATFORMS = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_REFERENCE = re.compile(r"[a-z0-9]+([._/:-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?", re.ASCII)


@dataclass(frozen=True)
class BuildOptions:
    """What the author asked for."""

    tag: str | None = None
    """The image's name; by default the service's, with the version as its tag."""
    base: str | None = None
    """The image to build on; by default `python:<minor>-slim`."""
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

    """
    started = time.perf_counter()
    options = options or BuildOptions()
    bundle = open_bundle(folder)
    reference = _check_reference(options.tag or f"{bundle.manifest.name}:{bundle.version}")
    engine = connect()
    wheels = _gather(bundle, options, engine, report)
    parts = _prepare(bundle, options, engine, wheels, report, say)
    image = _build(parts, report)
    with _stage(report, "prove") as said:
        proof = prove_image(engine, image, bundle, options.environment)
        said.append(f"{proof.equal} of {proof.calls} golden calls equal in a container")
    engine.tag(image, reference)
    sbom = _keep_sbom(bundle, wheels)
    if options.push:
        with _stage(report, "push") as said:
            engine.push(reference, say)
            said.append(reference)
    found = engine.find(image) or {}
    names = parts.layout.layers
    layers = tuple(Layer(*one) for one in zip(names, engine.sizes(image)[-len(names):], strict=True))
    return Image(reference, str(found["Id"]), int(found["Size"]), bundle.version, layers, proof, sbom,
                 time.perf_counter() - started)


def _check_reference(reference: str) -> str:
    if not _REFERENCE.fullmatch(reference):
        raise UsageError(f"{reference!r} cannot name an image",
                         advice="for instance --tag registry.example.com/churn:1")
    return reference


def _gather(bundle: Bundle, options: BuildOptions, engine: Engine, report: Report) -> tuple[Wheel, ...]:
    """Find the wheels: builds for the processor where no GPU is used, else what the notebook ran on."""
    platform = Platform(bundle.manifest.python, _machine(options.platform, engine))
    cache = data_dir() / "wheels"
    with _stage(report, "wheels") as said:
        pins = read_lock((bundle.folder / "requirements.lock").read_text(encoding="utf-8"))
        choice = choose_pins(pins, bundle.manifest)
        try:
            wheels = gather_wheels(choice.pins, platform, cache, choice.indexes)
            left_out = choice.left_out
        except RequirementError as error:
            if choice.pins == pins:
                raise
            wheels, left_out = gather_wheels(pins, platform, cache), ()
            said.append(f"with GPU builds, because {error.message}; ")
        packed = [wheel.pin.name for wheel in wheels if wheel.origin == "installed"]
        said.append(f"{len(wheels)} wheels, {sum(one.file.stat().st_size for one in wheels) / 1e6:.0f} MB")
        said += [f", packed from what is installed: {', '.join(packed)}"] if packed else []
        said += [f", no GPU: without {', '.join(left_out)}"] if left_out else []
    return wheels


def _machine(platform: str | None, engine: Engine) -> str:
    if platform is None:
        return engine.machine
    if platform not in _PLATFORMS:
        raise UsageError(f"there is no platform {platform!r}", advice=f"the platforms are: {', '.join(_PLATFORMS)}")
    return _PLATFORMS[platform]


def _prepare(bundle: Bundle, options: BuildOptions, engine: Engine, wheels: tuple[Wheel, ...], report: Report,
             say: Callable[[str], None]) -> Parts:
    """Find the base image and what it lacks."""
    layout = make_layout(bundle.manifest, options.base or default_base(bundle.manifest.python), golden=options.golden,
                         lambda_adapter=options.lambda_adapter)
    found = engine.find(layout.base)
    if found is None:
        with _stage(report, "base") as said:
            found = engine.pull(layout.base, options.platform)
            said.append(f"pulled {layout.base}")
    base = str(found["Id"])
    packages = options.system
    if packages is None:
        packages = choose_system(wheels, engine, base, data_dir() / "wheels")
    return Parts(engine, bundle, dataclasses.replace(layout, system=packages), wheels, base, options.platform, say)


def _build(parts: Parts, report: Report) -> str:
    """Build what is not there yet, and give the image's id."""
    layers, content = parts.layout.layers, parts.layout.content
    with _stage(report, "environment") as said:
        environment = parts.build_environment()
        said.append(parts.describe(environment, layers[: -1 - len(content)]))
    with _stage(report, "content") as said:
        content_image = parts.build_content(environment)
        said.append(parts.describe(content_image, content))
    with _stage(report, "service") as said:
        image = parts.build_service(content_image)
        said.append(parts.describe(image, layers[-1:]))
    return image


def default_base(python: str) -> str:
    """Name the base image for a minor version of Python."""
    return f"python:{python}-slim"


def _keep_sbom(bundle: Bundle, wheels: tuple[Wheel, ...]) -> Path:
    file = data_dir() / "images" / f"{bundle.manifest.name}-{bundle.version}.cdx.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(write_sbom(bundle.manifest, wheels), encoding="utf-8")
    return file


@contextmanager
def _stage(report: Report, name: str) -> Iterator[list[str]]:
    started = time.perf_counter()
    said: list[str] = []
    yield said
    report(name, "".join(said), time.perf_counter() - started)
