"""The parts of an image, each an image of its own that is built only when what it depends on has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.bundle import Bundle
from jupyter_deploy.image import layers
from jupyter_deploy.image.context import Content, archive, digest
from jupyter_deploy.image.dockerfile import Layout, content_part, environment_part, service_part
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.image.lock import write_hashed_lock
from jupyter_deploy.image.wheels import Wheel
from jupyter_deploy.runtime.manifest import GOLDEN, MANIFEST, Manifest

_FOLDERS = (GOLDEN, "modules", "data")
_FILES = ("service.py", MANIFEST, "requirements.lock", "README.md")


def make_layout(manifest: Manifest, base: str, *, golden: bool = True, lambda_adapter: bool = False) -> Layout:
    """Say what goes into which layer; the system's packages are not known yet."""
    tops = {_top(path) for path in manifest.files}
    folders = [name for name in _FOLDERS if name in tops and (golden or name != GOLDEN)]
    return Layout(
        base=base,
        content=("runtime", "state") if "state" in tops else ("runtime",),
        service=(*[name for name in _FILES if name in tops or name == MANIFEST], *folders),
        lambda_adapter=lambda_adapter, labels=_make_labels(manifest, base))


def _make_labels(manifest: Manifest, base: str) -> dict[str, str]:
    """Describe the image: the keys of the OCI, and ours."""
    golden = {path: hash_ for path, hash_ in manifest.files.items() if _top(path) == GOLDEN}
    entries = {one.name: {"parameters": {item.name: item.type for item in one.parameters}, "returns": one.returns}
               for one in manifest.entries}
    return {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.base.name": base,
        "nbdeploy.version": hashlib.sha256(manifest.dump()).hexdigest(),
        "nbdeploy.golden": hashlib.sha256(json.dumps(golden, sort_keys=True).encode()).hexdigest(),
        "nbdeploy.schema": json.dumps(entries, ensure_ascii=False),
    }


@dataclass(frozen=True)
class Parts:
    """Builds the parts of one image."""

    engine: Engine
    bundle: Bundle
    layout: Layout
    wheels: tuple[Wheel, ...]
    base: str
    """The base image's id."""
    platform: str | None
    say: Callable[[str], None]
    """Is told each step of the engine."""

    def build_environment(self) -> str:
        """Build what changes with the packages; gives its name, as the other methods do."""
        lock = write_hashed_lock(self.wheels, self.bundle.manifest.python).encode()
        files = {f"wheels/{wheel.file.name}": wheel for wheel in self.wheels}
        return self._build_once("environment", environment_part(self.layout),
                                {"requirements.lock": lock, **{path: wheel.file for path, wheel in files.items()}},
                                {path: wheel.sha256 for path, wheel in files.items()}, network=bool(self.layout.system))

    def build_content(self, environment: str) -> str:
        """Build what changes with the state."""
        files = self._files(self.layout.content)
        return self._build_once("content", content_part(self.layout, environment), files, self.bundle.manifest.files)

    def build_service(self, content: str) -> str:
        """Build what changes with the code; gives the image's id, because it has no name before it is proven."""
        files = {**self._files(self.layout.service), MANIFEST: self.bundle.folder / MANIFEST}
        return self._build(service_part(self.layout, content), files)

    def describe(self, image: str, names: Sequence[str]) -> str:
        """Say how large the last layers of an image are."""
        sizes = self.engine.sizes(image)[-len(names):]
        return ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in zip(names, sizes, strict=False))

    def _files(self, tops: Sequence[str]) -> dict[str, Path | bytes]:
        return {path: self.bundle.folder / path for path in self.bundle.manifest.files if _top(path) in tops}

    def _build_once(self, name: str, text: str, content: Content, hashes: Mapping[str, str], *,
                    network: bool = False) -> str:
        """Build a part under a name made of what it depends on; one that has that name is taken as it is."""
        known = {path: hashes[path] if path in hashes else _hash(source) for path, source in content.items()}
        reference = f"nbdeploy/{name}:{digest(text, known, self.base, _script().decode())}"
        if self.engine.find(reference) is None:
            self.engine.tag(self._build(text, content, network=network), reference)
        return reference

    def _build(self, text: str, content: Content, *, network: bool = False) -> str:
        with archive({**content, "layers.py": _script(), "Dockerfile": text.encode()}) as context:
            return self.engine.build(context, network=network, platform=self.platform, say=self.say)


def _script() -> bytes:
    return Path(layers.__file__).read_bytes()


def _hash(source: Path | bytes) -> str:
    return hashlib.sha256(source if isinstance(source, bytes) else source.read_bytes()).hexdigest()


def _top(path: str) -> str:
    return path.partition("/")[0]
