"""The parts of an image, each an image of its own that is built only when what it depends on has changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.image.context import Content, archive, digest
from jupyter_deploy.image.dockerfile import LAID, content_part, environment_part, service_part
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.image.project import Project

_NAMES = ("environment", "content")
_KEPT_SECONDS = 7 * 24 * 3600.0
"""How long a part stays that no build took: as long as a bundle that no version uses."""


@dataclass(frozen=True)
class Parts:
    """Builds the parts of one image."""

    engine: Engine
    project: Project
    base: str
    """The base image's id."""
    platform: str | None
    say: Callable[[str], None]
    """Is told each step of the engine."""

    def build_environment(self) -> str:
        """Build what changes with the packages; gives its name, as the other methods do."""
        layout = self.project.layout
        return self._build_once("environment", environment_part(layout), self.project.environment,
                                network=bool(layout.system))

    def build_content(self, environment: str) -> str:
        """Build what changes with the state."""
        return self._build_once("content", content_part(self.project.layout, environment), self.project.content)

    def build_service(self, content: str) -> str:
        """Build what changes with the code; gives the image's id, because it has no name before it is proven."""
        laid = {f"{LAID.lstrip('/')}/service/{path}": source for path, source in self.project.service.items()}
        return self._build(service_part(self.project.layout, content), laid)

    def describe(self, image: str, names: Sequence[str]) -> str:
        """Say how large the last layers of an image are."""
        sizes = self.engine.sizes(image)[-len(names):]
        return ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in zip(names, sizes, strict=False))

    def _build_once(self, name: str, text: str, content: Content, *, network: bool = False) -> str:
        """Build a part under a name made of what it depends on; one that has that name is taken as it is."""
        hashes = self.project.hashes
        known = {path: hashes[path] if path in hashes else _hash(source) for path, source in content.items()}
        reference = f"nbdeploy/{name}:{digest(text, known, self.base)}"
        found = self.engine.find(reference)
        # It is named anew each time that it is of use, which is what keeps it.
        self.engine.tag(str(found["Id"]) if found else self._build(text, content, network=network), reference)
        return reference

    def _build(self, text: str, content: Content, *, network: bool = False) -> str:
        with archive({**content, "Dockerfile": text.encode()}) as context:
            return self.engine.build(context, network=network, platform=self.platform, say=self.say)


def prune_parts(engine: Engine, kept: float = _KEPT_SECONDS) -> None:
    """Take away the names of parts that no build took for `kept` seconds; layers of images stay with these."""
    for name in _NAMES:
        for reference, named in engine.list_names(f"nbdeploy/{name}").items():
            if time.time() - named > kept:
                engine.remove_image(reference)


def _hash(source: Path | bytes) -> str:
    return hashlib.sha256(source if isinstance(source, bytes) else source.read_bytes()).hexdigest()
