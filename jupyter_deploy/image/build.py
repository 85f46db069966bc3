"""From a bundle to a proven image: wheels, parts, proof, and only then a name."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_deploy.bundle import Bundle, open_bundle
from jupyter_deploy.errors import UsageError
from jupyter_deploy.image import layers
from jupyter_deploy.image.context import Content, archive, digest
from jupyter_deploy.image.dockerfile import Layout, content_part, environment_part, service_part
from jupyter_deploy.image.engine import Engine, connect
from jupyter_deploy.image.lock import write_hashed_lock
from jupyter_deploy.image.proving import prove_image
from jupyter_deploy.image.sbom import write_sbom
from jupyter_deploy.image.wheels import Platform, Wheel, gather_wheels
from jupyter_deploy.proof import Proof
from jupyter_deploy.registry import data_dir
from jupyter_deploy.requirements import read_lock

Report = Callable[[str, str, float], None]
"""Called after each stage with its name, what came of it, and the seconds it took."""
_PLATFORMS = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_FOLDERS = ("golden", "modules", "data")
_GOLDEN = "golden/"


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
    system: tuple[str, ...] = ()
    """Packages of the base's distribution that hold libraries which the environment links to."""
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
    engine = connect()
    reference = options.tag or f"{bundle.manifest.name}:{bundle.version}"
    platform = Platform(bundle.manifest.python, _machine(options.platform, engine))
    with _stage(report, "wheels") as said:
        pins = read_lock((folder / "requirements.lock").read_text(encoding="utf-8"))
        wheels = gather_wheels(pins, platform, data_dir() / "wheels")
        said.append(_describe(wheels))
    build = _Build(bundle, options, wheels, engine, report, say)
    image = build.run()
    proof = _prove(engine, image, bundle, options, report)
    engine.tag(image, reference)
    found = engine.find(image)
    assert found is not None
    sbom = data_dir() / "images" / f"{bundle.manifest.name}-{bundle.version}.cdx.json"
    sbom.parent.mkdir(parents=True, exist_ok=True)
    sbom.write_text(write_sbom(bundle.manifest, wheels), encoding="utf-8")
    if options.push:
        with _stage(report, "push") as said:
            engine.push(reference, say)
            said.append(reference)
    sizes = engine.sizes(image)
    own = build.layout.layers
    named = tuple(Layer(name, size) for name, size in zip(own, sizes[-len(own):], strict=False))
    return Image(reference, str(found["Id"]), int(found["Size"]), bundle.version, named, proof, sbom,
                 time.perf_counter() - started)


def _machine(platform: str | None, engine: Engine) -> str:
    if platform is None:
        return engine.machine
    if platform not in _PLATFORMS:
        raise UsageError(f"there is no platform {platform!r}", advice=f"the platforms are: {', '.join(_PLATFORMS)}")
    return _PLATFORMS[platform]


def _describe(wheels: tuple[Wheel, ...]) -> str:
    packed = [wheel.pin.name for wheel in wheels if wheel.origin == "installed"]
    more = f"; packed from what is installed: {', '.join(packed)}" if packed else ""
    return f"{len(wheels)} wheels{more}"


class _Build:
    """The parts of an image, each an image that is built only when what it depends on has changed."""

    def __init__(self, bundle: Bundle, options: BuildOptions, wheels: tuple[Wheel, ...], engine: Engine,
                 report: Report, say: Callable[[str], None]) -> None:
        self._bundle = bundle
        self._options = options
        self._wheels = wheels
        self._engine = engine
        self._report = report
        self._say = say
        self.layout = make_layout(bundle, options)

    def run(self) -> str:
        """Build what is not there yet; gives the image's id."""
        layout, folder, hashes = self.layout, self._bundle.folder, self._bundle.manifest.files
        base = self._find_base()
        lock = write_hashed_lock(self._wheels, self._bundle.manifest.python).encode()
        script = Path(layers.__file__)
        environment = self._part(
            "environment", environment_part(layout), base,
            {"requirements.lock": lock, "layers.py": script,
             **{f"wheels/{one.file.name}": one.file for one in self._wheels}},
            {f"wheels/{one.file.name}": one.sha256 for one in self._wheels})
        content = self._part(
            "content", content_part(layout, environment), base,
            {"layers.py": script, **{path: folder / path for path in hashes if _top(path) in layout.content}}, hashes)
        files = [path for path in hashes if _top(path) in layout.service]
        return self._part("service", service_part(layout, content), base,
                          {"layers.py": script, **{path: folder / path for path in [*files, "bundle.json"]}}, None)

    def _describe_layers(self, sizes: list[int], part: str) -> str:
        """Say how large the layers of a part are."""
        own = self.layout.layers
        names = {"content": self.layout.content, "service": own[-1:]}.get(part, own[: -1 - len(self.layout.content)])
        return ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in zip(names, sizes[-len(names):], strict=False))

    def _find_base(self) -> str:
        base = self.layout.base
        found = self._engine.find(base)
        if found is None:
            with _stage(self._report, "base") as said:
                found = self._engine.pull(base, self._options.platform)
                said.append(f"pulled {base}")
        return str(found["Id"])

    def _part(self, name: str, text: str, base: str, content: Content, hashes: Mapping[str, str] | None) -> str:
        """Build one part; a part with hashes is kept under a name made of them, and found again by it."""
        reference = None
        if hashes is not None:
            known = {path: hashes[path] if path in hashes else _hash(source) for path, source in content.items()}
            reference = f"nbdeploy/{name}:{digest(text, known, base)}"
            if self._engine.find(reference) is not None:
                return reference
        with _stage(self._report, name) as said:
            network = name == "environment" and bool(self.layout.system)
            with archive({**content, "Dockerfile": text.encode()}) as context:
                built = self._engine.build(context, network=network, platform=self._options.platform, say=self._say)
            if reference is not None:
                self._engine.tag(built.id, reference)
            said.append(self._describe_layers(self._engine.sizes(built.id), name))
        return reference or built.id


def _hash(source: Path | bytes) -> str:
    return hashlib.sha256(source if isinstance(source, bytes) else source.read_bytes()).hexdigest()


def _top(path: str) -> str:
    return path.partition("/")[0]


def make_layout(bundle: Bundle, options: BuildOptions) -> Layout:
    """Say what goes into which layer."""
    manifest = bundle.manifest
    tops = {_top(path) for path in manifest.files}
    folders = [name for name in _FOLDERS if name in tops and (options.golden or name != "golden")]
    golden = json.dumps({path: hash_ for path, hash_ in manifest.files.items() if path.startswith(_GOLDEN)})
    entries = {one.name: {"parameters": {item.name: item.type for item in one.parameters}, "returns": one.returns}
               for one in manifest.entries}
    labels = {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.version": bundle.version,
        "org.opencontainers.image.base.name": options.base or default_base(manifest.python),
        "nbdeploy.version": hashlib.sha256(manifest.dump()).hexdigest(),
        "nbdeploy.golden": hashlib.sha256(golden.encode()).hexdigest(),
        "nbdeploy.schema": json.dumps(entries, ensure_ascii=False),
    }
    return Layout(
        base=options.base or default_base(manifest.python),
        content=("runtime", "state") if "state" in tops else ("runtime",),
        service=("service.py", "bundle.json", "requirements.lock", "README.md", *folders),
        system=options.system, lambda_adapter=options.lambda_adapter, labels=labels)


def default_base(python: str) -> str:
    """Name the base image for a minor version of Python."""
    return f"python:{python}-slim"


def _prove(engine: Engine, image: str, bundle: Bundle, options: BuildOptions, report: Report) -> Proof:
    with _stage(report, "prove") as said:
        proof = prove_image(engine, image, bundle, options.environment)
        said.append(f"{proof.equal} of {proof.calls} golden calls equal in a container")
    return proof


@contextmanager
def _stage(report: Report, name: str) -> Iterator[list[str]]:
    started = time.perf_counter()
    said: list[str] = []
    yield said
    report(name, "".join(said), time.perf_counter() - started)
