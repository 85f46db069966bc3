"""What is sent to the engine: a tar archive with the same bytes for the same files."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from jupyter_deploy.image.layers import EPOCH

Content = Mapping[str, Path | bytes]
"""Path in the context → the file to send, or its bytes."""


def digest(dockerfile: str, content: Mapping[str, str], *more: str) -> str:
    """Digest what a build depends on; `content` maps each path to the hash of its file."""
    found = hashlib.sha256("\0".join((dockerfile, *more)).encode())
    for path, hash_ in sorted(content.items()):
        found.update(f"\0{path}\0{hash_}".encode())
    return found.hexdigest()[:16]


@contextmanager
def archive(content: Content) -> Iterator[IO[bytes]]:
    """Write the files and their folders into a temporary tar archive, all of the same time, mode and owner."""
    folders = {str(folder) for path in content for folder in PurePosixPath(path).parents} - {"."}
    with tempfile.TemporaryFile(prefix="nbdeploy-context-") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for folder in sorted(folders):
                _add_folder(tar, folder)
            for path, source in sorted(content.items()):
                _add(tar, path, source)
        file.seek(0)
        yield file


def _add_folder(tar: tarfile.TarFile, path: str) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, EPOCH
    tar.addfile(entry)


def _add(tar: tarfile.TarFile, path: str, source: Path | bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.mode, entry.mtime = 0o644, EPOCH
    if isinstance(source, bytes):
        entry.size = len(source)
        tar.addfile(entry, io.BytesIO(source))
        return
    with source.open("rb") as file:
        entry.size = source.stat().st_size
        tar.addfile(entry, file)
