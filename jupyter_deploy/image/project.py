"""The build context of an image: everything beside its Dockerfile, put together without an engine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jupyter_deploy.bundle import Bundle
from jupyter_deploy.capture.secrets import find_secret_bytes
from jupyter_deploy.errors import ImageError, RequirementError
from jupyter_deploy.image import layers
from jupyter_deploy.image.choice import choose_pins
from jupyter_deploy.image.context import Content
from jupyter_deploy.image.dockerfile import LABEL, LOCK, SCRIPT, WHEELS, Layout, quote
from jupyter_deploy.image.lock import write_hashed_lock
from jupyter_deploy.image.wheels import Platform, Wheel, gather_wheels
from jupyter_deploy.requirements import read_lock
from jupyter_deploy.runtime.manifest import GOLDEN, MANIFEST, Manifest

_CONTENT = ("runtime", "state", "data", "modules")
"""Folders of a bundle, those that change ever more often last."""
_LEFT_OUT = ("README.md", "requirements.lock")
"""For people; what an image has installed stands in its environment's own lock, with hashes."""
_NUMBERS = (".npy", ".safetensors")
"""Files without text, and large: nothing is looked for in them."""


@dataclass(frozen=True)
class Project:
    """What a bundle's image is made of."""

    bundle: Bundle
    layout: Layout
    wheels: tuple[Wheel, ...]

    @cached_property
    def manifest(self) -> Manifest:
        """What `bundle.json` says in the image: the bundle's version, with the files that are there."""
        return leave_out(self.bundle.manifest, golden=GOLDEN in self.layout.service)

    @property
    def platforms(self) -> tuple[str, ...]:
        """Name the platform tags that the wheels have."""
        tags = {one for wheel in self.wheels for one in wheel.file.stem.rpartition("-")[2].split(".")}
        return tuple(sorted(tags - {"any"}))

    @property
    def environment(self) -> Content:
        """Give the files that the environment is made of."""
        lock = write_hashed_lock(self.wheels, self.bundle.manifest.python).encode()
        return {SCRIPT: _script(), LOCK: lock, **{f"{WHEELS}/{one.file.name}": one.file for one in self.wheels}}

    @property
    def content(self) -> Content:
        """Give the files that change with the state."""
        return {SCRIPT: _script(), **self._take(self.layout.content)}

    @property
    def service(self) -> Content:
        """Give the files that change with the code."""
        return {**self._take(self.layout.service), MANIFEST: self.manifest.dump()}

    @property
    def hashes(self) -> Mapping[str, str]:
        """Give the hashes that are known without reading the files."""
        wheels = {f"{WHEELS}/{wheel.file.name}": wheel.sha256 for wheel in self.wheels}
        return {**self.bundle.manifest.files, **wheels}

    def _take(self, tops: Collection[str]) -> dict[str, Path]:
        return {path: self.bundle.folder / path for path in self.manifest.files if _top(path) in tops}


def make_project(bundle: Bundle, wheels: Sequence[Wheel], base: str, *, golden: bool = True,
                 lambda_adapter: bool = False, system: Sequence[str] = ()) -> Project:
    """Say what goes into which layer."""
    tops = {_top(path) for path in bundle.manifest.files}
    layout = Layout(
        base=base,
        content=tuple(name for name in _CONTENT if name in tops),
        service=("service.py", MANIFEST, *([GOLDEN] if golden and GOLDEN in tops else [])),
        system=tuple(system), lambda_adapter=lambda_adapter, gpu=_may_use_gpu(bundle.manifest),
        labels=_make_labels(bundle.manifest, base))
    return Project(bundle, layout, tuple(wheels))


def _may_use_gpu(manifest: Manifest) -> bool:
    return manifest.hardware is not None and manifest.hardware.gpu != "none"


def leave_out(manifest: Manifest, *, golden: bool) -> Manifest:
    """Describe a bundle as it is in an image; without its golden calls, nothing tells of them either."""
    files = {path: hash_ for path, hash_ in manifest.files.items()
             if path not in _LEFT_OUT and (golden or _top(path) != GOLDEN)}
    return dataclasses.replace(manifest, files=files, golden=manifest.golden if golden else (), whole=manifest.version)


def choose_wheels_for(bundle: Bundle, platform: Platform, cache: Path, say: Callable[[str], None]) -> tuple[Wheel, ...]:
    """Find the wheels: builds for the processor where no GPU is used, else what the notebook ran on.

    Raises
    ------
    RequirementError
        When there is none for a line of the lock.

    """
    pins = read_lock((bundle.folder / "requirements.lock").read_text(encoding="utf-8"))
    choice = choose_pins(pins, bundle.manifest)
    try:
        wheels = gather_wheels(choice.pins, platform, cache, choice.indexes)
        left_out = choice.left_out
    except RequirementError as error:
        if choice.pins == pins:
            raise
        wheels, left_out = gather_wheels(pins, platform, cache), ()
        say(f"with GPU builds, because {error.message}; ")
    packed = [wheel.pin.name for wheel in wheels if wheel.origin == "installed"]
    say(f"{len(wheels)} wheels, {sum(one.file.stat().st_size for one in wheels) / 1e6:.0f} MB")
    if packed:
        say(f", packed from what is installed: {', '.join(packed)}")
    if left_out:
        say(f", no GPU: without {', '.join(left_out)}")
    return wheels


def check_secrets(project: Project, values: Collection[str]) -> None:
    """See that no credential is among the files that go into the image: what looks like one, nor any of `values`.

    Raises
    ------
    ImageError
        When there is one, naming the file and the line.

    """
    known = [value.encode() for value in values if len(value) >= 6]
    for path, source in {**project.content, **project.service}.items():
        if _top(path) in ("runtime", "image") or path.endswith(_NUMBERS):
            continue
        data = source if isinstance(source, bytes) else source.read_bytes()
        found = find_secret_bytes(data, known)
        if found is not None:
            line = f", line {found.line}" if path.endswith((".py", ".json")) else ""
            raise ImageError(
                f"what looks like a credential ({found.shown}) would enter the image", where=f"{path}{line}",
                advice="leave the golden calls out with --no-golden" if _top(path) == GOLDEN else
                       "read it from os.environ in the notebook, and deploy again")


def _make_labels(manifest: Manifest, base: str) -> dict[str, str]:
    """Describe the image: the keys of the OCI, and ours."""
    golden = {path: hash_ for path, hash_ in manifest.files.items() if _top(path) == GOLDEN}
    return {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.base.name": base,
        "nbdeploy.version": hashlib.sha256(manifest.dump()).hexdigest(),
        "nbdeploy.golden": hashlib.sha256(json.dumps(golden, sort_keys=True).encode()).hexdigest(),
        "nbdeploy.schema": _write_schema(manifest),
    }


def _write_schema(manifest: Manifest) -> str:
    """Write what the entries take and return; one that is too long for a label is named by its digest."""
    entries = {one.name: {"parameters": {item.name: item.type for item in one.parameters}, "returns": one.returns}
               for one in manifest.entries}
    text = json.dumps(entries, ensure_ascii=False)
    if len(quote(text).encode()) < LABEL:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({one.name: {"sha256": digest, "see": "/openapi.json"} for one in manifest.entries})


def _script() -> bytes:
    return Path(layers.__file__).read_bytes()


def _top(path: str) -> str:
    return path.partition("/")[0]
