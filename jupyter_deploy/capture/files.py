"""Data files beside the notebook: those that the code names, and those that a golden call reads."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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


def texts_at_import(source: bytes) -> set[str]:
    """Give the texts in what a module runs while it is imported, which may name the files that it reads then.

    That are its statements, and the functions that these name. Parts that are put together (`ROOT / "data" / "a.json"`)
    are given as one text, too.
    """
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    waiting: list[ast.AST] = [node for node in tree.body if node not in functions.values() and not _is_main(node)]
    texts: set[str] = set()
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Name) and (function := functions.pop(node.id, None)) is not None:
                waiting.append(function)
            if isinstance(node, (ast.Constant, ast.BinOp, ast.Call)):
                texts.add("/".join(_texts_in(node)))
    return texts - {""}


def _is_main(node: ast.stmt) -> bool:
    """Tell what only runs when the module is run as a script."""
    return isinstance(node, ast.If) and any(
        isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(node.test)
    )


def _texts_in(node: ast.AST) -> list[str]:
    found = [one for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return [str(one.value) for one in sorted(found, key=lambda one: (one.lineno, one.col_offset))]


@dataclass
class Opened:
    """The files that were opened, other than code and what is installed."""

    read: set[Path] = field(default_factory=set)
    written: set[Path] = field(default_factory=set)


_watching: list[Opened] = []
"""Where the files that are opened now are noted; Python has no way to take an audit hook away again."""


@contextmanager
def watch_files() -> Iterator[Opened]:
    """Note the files that this process opens."""
    if not _hook_added:
        sys.addaudithook(_note)
        _hook_added.append(True)
    opened = Opened()
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
    if not isinstance(name, (str, bytes, os.PathLike)):
        return
    reads = mode.startswith("r") if isinstance(mode, str) else flags & os.O_ACCMODE == os.O_RDONLY
    writes = set(mode) & set("wax+") if isinstance(mode, str) else flags & os.O_ACCMODE != os.O_RDONLY
    path = Path(os.path.abspath(os.fsdecode(name)))  # noqa: PTH100 - links stay as the code names them
    if path.suffix not in _CODE and "site-packages" not in path.parts and not path.is_relative_to(sys.prefix):
        for opened in _watching:
            opened.read |= {path} if reads else set()
            opened.written |= {path} if writes else set()
