"""Data files beside the notebook: those that the code names, and those that a golden call reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.slice import Finding

LARGEST = 100 * 2**20
"""Bytes; a larger file is not bundled."""
_CODE = frozenset({".py", ".ipynb", ".pyc"})


def find_files(texts: Iterable[str], folder: Path, user: str) -> tuple[dict[str, bytes], list[Finding]]:
    """Read the files that text constants name, relative to the kernel's folder, and say which cannot come along."""
    found: dict[str, bytes] = {}
    findings: list[Finding] = []
    for text in sorted(texts):
        if not text or len(text) > 250 or "\n" in text or "\0" in text:
            continue
        path = folder / text
        try:
            if path.suffix in _CODE or not path.is_file():
                continue
            size = path.stat().st_size
        except OSError:
            continue
        if Path(text).is_absolute() or ".." in Path(text).parts:
            findings.append(
                Finding(
                    f"{user} names the file {text}, which stays on this machine: "
                    "put it beside the notebook and name it by a relative path",
                    code="left-out-file",
                )
            )
        elif size > LARGEST:
            findings.append(
                Finding(f"{user} names the file {text}, {size / 2**20:.0f} MB, which is too large to bundle",
                        code="left-out-file")
            )
        else:
            found[Path(text).as_posix()] = path.read_bytes()
    return found, findings


_watching: list[set[Path]] = []
"""Where the files that are opened now are noted; Python has no way to take an audit hook away again."""


@contextmanager
def watch_files() -> Iterator[set[Path]]:
    """Note the files that this process opens for reading, other than code and what is installed."""
    if not _hook_added:
        sys.addaudithook(_note)
        _hook_added.append(True)
    opened: set[Path] = set()
    _watching.append(opened)
    try:
        yield opened
    finally:
        _watching.remove(opened)


_hook_added: list[bool] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event != "open":
        return
    name, mode, flags = arguments
    reads = mode.startswith("r") if isinstance(mode, str) else flags & os.O_ACCMODE == os.O_RDONLY
    if not reads or not isinstance(name, (str, bytes, os.PathLike)):
        return
    path = Path(os.path.abspath(os.fsdecode(name)))  # noqa: PTH100 - links stay as the code names them
    if path.suffix not in _CODE and "site-packages" not in path.parts and not path.is_relative_to(sys.prefix):
        for opened in _watching:
            opened.add(path)
