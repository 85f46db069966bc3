"""The saved document as it is analysed: cells with their syntax trees, their counts and what they put out."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from jupyter_deploy.capture.magics import parse_cell
from jupyter_deploy.errors import NotebookError
from jupyter_deploy.notebook import Role, read_document, role_of, source_of

_NO_CODE = compile("", "<cell>", "exec")


@dataclass(frozen=True)
class Wrong:
    """What stands in the way of reading a cell: its roles contradict each other, or it is not Python."""

    message: str
    line: int | None = None
    advice: str | None = None


@dataclass(frozen=True, eq=False)
class StaticCell:
    """A code cell, read and not run."""

    position: int
    """Its place among all cells of the document, from 1."""
    source: str
    tags: tuple[str, ...]
    role: Role | None
    count: int | None
    """The number that the notebook shows beside it; None when it was not run, or cleared."""
    outputs: tuple[Mapping[str, Any], ...]
    tree: ast.Module
    """Empty when it is not Python; line numbers are those of the source."""
    code: CodeType
    """The compiled tree."""
    wrong_role: Wrong | None = None
    wrong_syntax: Wrong | None = None

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"cell {self.position}"

    @property
    def runs(self) -> bool:
        """Whether nbclient and papermill run it."""
        return "skip-execution" not in self.tags

    def at(self, line: int | None) -> str:
        """Name a line of it."""
        return self.label if line is None else f"{self.label}, line {line}"


@dataclass(frozen=True)
class Document:
    """The code cells of a notebook, read and not run."""

    path: Path
    cells: tuple[StaticCell, ...]
    language: str
    version: tuple[int, ...]
    """The Python that the notebook was saved with, as far as it says: `(3, 12)`."""


def read_static(path: Path) -> Document:
    """Read a notebook for analysis; what is wrong in a cell is kept with the cell (raises `NotebookError`)."""
    return parse_document(read_document(path), path)


def parse_document(raw: Mapping[str, Any], path: Path) -> Document:
    """Read the JSON of a notebook of format 4 for analysis (raises `NotebookError`)."""
    metadata = raw.get("metadata", {})
    spec, info = metadata.get("kernelspec", {}), metadata.get("language_info", {})
    language = str(spec.get("language") or info.get("name") or "python").lower()
    cells = [(position, cell) for position, cell in enumerate(raw["cells"], start=1)
             if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    python = language in ("python", "ipython")
    return Document(path, tuple(_read_cell(position, cell, path) for position, cell in cells) if python else (),
                    "python" if python else language, _read_version(str(info.get("version", ""))))


def _read_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _read_cell(position: int, raw: Mapping[str, Any], path: Path) -> StaticCell:
    metadata = raw.get("metadata", {})
    tags = tuple(map(str, metadata.get("tags", ())))
    role: Role | None = None
    wrong_role = None
    try:
        role = role_of(tags, metadata.get("nbdeploy", {}), f"{path.name}, cell {position}")
    except NotebookError as error:
        wrong_role = Wrong(error.message, advice=error.advice)
    source = source_of(dict(raw))
    tree, code, wrong_syntax = _parse(source)
    count = raw.get("execution_count")
    return StaticCell(position, source, tags, role, count if isinstance(count, int) else None,
                      tuple(raw.get("outputs", ())), tree, code, wrong_role, wrong_syntax)


def _parse(source: str) -> tuple[ast.Module, CodeType, Wrong | None]:
    try:
        tree = _read_tree(source)
        return tree, _compile(tree), None
    except SyntaxError as error:
        return ast.Module(body=[], type_ignores=[]), _NO_CODE, Wrong(error.msg, error.lineno)
    except ValueError as error:  # a null byte
        return ast.Module(body=[], type_ignores=[]), _NO_CODE, Wrong(str(error))


def _read_tree(source: str) -> ast.Module:
    """Parse a cell; IPython is asked only where it is not plain Python, and leaves out the empty lines on top."""
    try:
        return ast.parse(source)
    except SyntaxError:
        text = source.lstrip("\n")
    above = len(source) - len(text)
    try:
        tree = parse_cell(text, _transformer())[1]
    except SyntaxError as error:
        error.lineno = (error.lineno or 1) + above
        raise
    ast.increment_lineno(tree, above)
    return tree


def _compile(tree: ast.Module) -> CodeType:
    """Compile a cell as IPython does: `await` may stand anywhere, and `__future__` need not come first."""
    body = [one for one in tree.body if not (isinstance(one, ast.ImportFrom) and one.module == "__future__")]
    module = ast.Module(body, tree.type_ignores)
    code = compile(module, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    assert isinstance(code, CodeType)
    return code


@lru_cache(maxsize=1)
def _transformer() -> Any:
    # Imported here: it takes 150 ms, and a notebook without a magic does without.
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell
