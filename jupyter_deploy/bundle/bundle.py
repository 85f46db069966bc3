"""Writing a capture as a self-contained folder: same capture, same bytes, same version."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jupyter_deploy.runtime
from jupyter_deploy.bundle.readme import write_readme
from jupyter_deploy.errors import BundleError
from jupyter_deploy.hardware import detect_hardware
from jupyter_deploy.requirements import Requirements, write_lock
from jupyter_deploy.runtime.manifest import (
    MANIFEST,
    BundleDamaged,
    GoldenCall,
    Manifest,
    StateItem,
    check_files,
    read_manifest,
)
from jupyter_deploy.runtime.workplace import renew

if TYPE_CHECKING:  # to read a bundle takes nothing of what writes one
    from jupyter_deploy.capture.capture import Capture
    from jupyter_deploy.capture.golden import GoldenAnswer


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk."""

    folder: Path
    manifest: Manifest

    @property
    def version(self) -> str:
        """The content digest."""
        return self.manifest.version

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum((self.folder / path).stat().st_size for path in self.manifest.files)


def write_bundle(capture: Capture, requirements: Requirements, root: Path) -> Bundle:
    """Write `root/<version>/`; when it is there already, it is the same, byte for byte, and is used as it is.

    What hardware the service wants is found out here and stands in the manifest.

    Raises
    ------
    BundleError
        When it cannot be written; nothing half-written stays.

    """
    contents = bundle_files(capture, requirements)
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(contents.items())}
    manifest = dataclasses.replace(_manifest(capture, requirements), files=hashes)
    folder = root / manifest.version
    if (folder / MANIFEST).exists():
        os.utime(folder)  # in use again: see `leftovers`
        renew(folder)
        return open_bundle(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".writing-", dir=root))
        try:
            _write_files(part, {**contents, MANIFEST: manifest.dump()})
            part.chmod(0o755)
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        if (folder / MANIFEST).exists():  # another deploy of the same capture was faster
            return open_bundle(folder)
        raise BundleError(
            f"the bundle cannot be written: {error.strerror}",
            where=str(root),
            advice="free some disk space, or point JUPYTER_DATA_DIR to a folder that can be written",
        ) from error
    return Bundle(folder, manifest)


def open_bundle(folder: Path) -> Bundle:
    """Open a bundle and check every file against its hash (raises `BundleError`)."""
    try:
        manifest = read_manifest(folder)
        check_files(folder, manifest)
    except BundleDamaged as error:
        raise BundleError(str(error), where=str(folder), advice="delete that folder and deploy again") from error
    return Bundle(folder, manifest)


def bundle_files(capture: Capture, requirements: Requirements) -> dict[str, bytes]:
    """Give every file of the bundle but the manifest, by its path."""
    files = {
        "service.py": capture.text.encode(),
        "requirements.lock": write_lock(requirements).encode(),
        "README.md": write_readme(capture).encode(),
        **{f"runtime/{path}": data for path, data in runtime_files().items()},
        **{f"modules/{path}": data for path, data in capture.local.files.items()},
        **{f"data/{path}": data for path, data in capture.code.data.items()},
    }
    for name, value in capture.code.state.items():
        for suffix, data in value.files.items():
            files[_state_path(name, capture) + suffix] = data
    for path, (_, golden) in zip(_golden_paths(capture), capture.golden, strict=True):
        files[path] = _golden_bytes(golden)
    return files


def runtime_files() -> dict[str, bytes]:
    """Give the files of the runtime package, by their path in it."""
    root = Path(jupyter_deploy.runtime.__file__).parent
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in (".py", ".html")
    }


def _manifest(capture: Capture, requirements: Requirements) -> Manifest:
    state = tuple(
        StateItem(
            name,
            _state_path(name, capture) + next(iter(value.files)),
            value.format,
            value.type,
            value.size,
            next(piece.reason for piece in capture.code.pieces if piece.name == name),
            value.globals,
            value.compiled,
        )
        for name, value in sorted(capture.code.state.items())
    )
    golden = tuple(
        GoldenCall(entry, path, answer.source)
        for path, (entry, answer) in zip(_golden_paths(capture), capture.golden, strict=True)
    )
    return Manifest(
        capture.name,
        capture.python,
        capture.entries,
        capture.setup,
        state,
        golden,
        capture.spans,
        capture.code.environment,
        detect_hardware(capture, requirements),
    )


def _state_path(name: str, capture: Capture) -> str:
    """Number the files: names may differ in case only, or hold letters that a file system spells its own way."""
    number = sorted(capture.code.state).index(name) + 1
    return f"state/{number:02d}-{name if name.isascii() else 'state'}"


def _golden_paths(capture: Capture) -> list[str]:
    return [
        f"golden/{entry if entry.isascii() else 'entry'}-{number:03d}.json"
        for number, (entry, _) in enumerate(capture.golden, start=1)
    ]


def _golden_bytes(golden: GoldenAnswer) -> bytes:
    document = {"request": golden.request, "answer": golden.answer, "kind": golden.kind}
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    for path, data in contents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
