"""The notebook document: its cells and what each of them is for the service."""

from __future__ import annotations

import difflib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from jupyter_deploy.errors import NotebookError

Role = Literal["entry", "setup", "include", "skip", "example", "test"]
ROLES: tuple[Role, ...] = get_args(Role)
PREFIX = "deploy:"

_TAGS_OF_OTHERS: dict[str, Role] = {
    "skip-execution": "skip",  # nbclient
    "raises-exception": "skip",  # nbclient: the cell is expected to fail
    "skip": "skip",  # Kale
    "nuclio-ignore": "skip",
    "mlrun-ignore": "skip",
}
SKIPPING = (f"{PREFIX}skip", *(tag for tag, role in _TAGS_OF_OTHERS.items() if role == "skip"))
"""The tags of cells that nothing is taken from."""


@dataclass(frozen=True)
class Cell:
    """A code cell of the document."""

    position: int
    """Its place among all cells of the document, from 1."""
    id: str
    source: str
    tags: tuple[str, ...]
    role: Role | None


@dataclass(frozen=True)
class Notebook:
    """The code cells of a notebook file as it was last saved."""

    path: Path
    cells: tuple[Cell, ...]
    saved: float
    """When that was, in seconds since 1970."""


def read_notebook(path: Path) -> Notebook:
    """Read a notebook file (nbformat 4; older files are upgraded in memory, the file is never written).

    Raises
    ------
    NotebookError
        When the file cannot be read, is not a notebook, or a cell has an unknown role.

    """
    raw = read_document(path)
    cells = tuple(
        _read_cell(position, cell, path)
        for position, cell in enumerate(raw["cells"], start=1)
        if cell.get("cell_type") == "code"
    )
    return Notebook(path, cells, path.stat().st_mtime)


def read_document(path: Path) -> dict[str, Any]:
    """Read the JSON of a notebook file, upgraded to nbformat 4 (raises `NotebookError`)."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotebookError(f"the notebook cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise NotebookError(f"this is not a notebook: {error}", where=str(path)) from error
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list) or raw.get("nbformat") != 4:
        raw = _upgrade(path)
    for position, cell in enumerate(raw["cells"], start=1):
        _check_cell(cell, f"{path}, cell {position}")
    return cast("dict[str, Any]", raw)


def _check_cell(cell: Any, where: str) -> None:
    """Look at what is read of a cell: a file that a program wrote may hold anything."""
    if not isinstance(cell, dict):
        raise NotebookError(f"this is not a notebook: wanted a cell, found {type(cell).__name__}", where=where)
    source, metadata = cell.get("source", ""), cell.get("metadata", {})
    if not isinstance(source, str) and not (isinstance(source, list) and all(isinstance(one, str) for one in source)):
        raise NotebookError("this is not a notebook: wanted the source as text or lines of text, found "
                            f"{type(source).__name__}", where=where)
    if not isinstance(metadata, dict) or not isinstance(metadata.get("tags", []), list):
        raise NotebookError("this is not a notebook: the cell's metadata is not an object with a list of tags",
                            where=where)


def _upgrade(path: Path) -> Any:
    import nbformat  # costs 100 ms to import, and nearly every notebook is of format 4 already

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat's about ids that older formats do not have
            upgraded = nbformat.read(path, as_version=4)
        return json.loads(nbformat.writes(upgraded))
    except Exception as error:
        raise NotebookError(f"this is not a notebook that nbformat can read: {error}", where=str(path)) from error


def _read_cell(position: int, raw: dict[str, Any], path: Path) -> Cell:
    metadata = raw.get("metadata", {})
    tags = tuple(str(tag) for tag in metadata.get("tags", ()))
    role = role_of(tags, metadata.get("nbdeploy", {}), f"{path.name}, cell {position}")
    return Cell(position, raw.get("id", ""), source_of(raw), tags, role)


def source_of(cell: dict[str, Any]) -> str:
    """Give the source of a cell's JSON, which may be a text or a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def role_of(tags: tuple[str, ...], metadata: Any, where: str) -> Role | None:
    """Give the role that a cell's tags or its `nbdeploy` metadata name; our own tags win over those of others.

    Raises
    ------
    NotebookError
        When a role is unknown, or two are named.

    """
    named = [tag.removeprefix(PREFIX) for tag in tags if tag.startswith(PREFIX)]
    if isinstance(metadata, dict) and "role" in metadata:
        named.append(str(metadata["role"]))
    roles = {_check_role(name, where) for name in named}
    if len(roles) > 1:
        raise NotebookError(
            f"one role for a cell, but this one has {', '.join(sorted(roles))}",
            where=where,
            advice="keep the tag that says what the cell is for and remove the others",
        )
    if roles:
        return roles.pop()
    return next((_TAGS_OF_OTHERS[tag] for tag in tags if tag in _TAGS_OF_OTHERS), None)


def _check_role(name: str, where: str) -> Role:
    for role in ROLES:
        if name == role:
            return role
    near = difflib.get_close_matches(name, ROLES, n=1)
    likely = f"did you mean {PREFIX}{near[0]}?" if near else f"the roles are {', '.join(ROLES)}"
    raise NotebookError(f"{PREFIX}{name} is not a role", where=where, advice=likely)
