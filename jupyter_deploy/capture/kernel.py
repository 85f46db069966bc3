"""The edge to the live kernel: what was executed in it, and the values it holds."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.magics import clean_source
from jupyter_deploy.errors import NotebookError
from jupyter_deploy.notebook import read_notebook


@dataclass(frozen=True)
class CellRun:
    """What a kernel's history does not say of a cell that ran; `ExecutedCell` explains it."""

    id: str | None = None
    begun: float | None = None


@dataclass(frozen=True)
class ExecutedCell:
    """A cell as it was executed."""

    count: int
    """The number the notebook shows beside it: In [count]."""
    raw: str
    """What the author wrote, magics included."""
    code: str
    """The Python that ran: magics and shell lines removed, line numbers kept."""
    tree: ast.Module
    """The syntax tree of `code`; empty when the cell did not parse."""
    id: str | None = None
    """The document's cell id, when the front end told it."""
    begun: float | None = None
    """When it began to run, in seconds since 1970, as far as that is known."""
    file: str | None = None
    """The file that the cell ran with `%run`, if this is what stands in that."""

    @property
    def label(self) -> str:
        """How messages call this cell."""
        return f"cell [{self.count}]" if self.file is None else f"{self.file}, which cell [{self.count}] runs"


@dataclass(frozen=True)
class Kernel:
    """A reading of a live kernel: its names are the live objects, its history is what ran."""

    names: MutableMapping[str, Any]
    """The notebook's globals."""
    cells: tuple[ExecutedCell, ...]
    """Every executed cell, in the order of execution."""
    folder: Path
    """The working directory."""
    document: Path | None = None
    """The notebook file, if the kernel knows it."""
    filenames: Mapping[str, int] = field(default_factory=dict)
    """Execution count of the cell that was compiled under a file name."""
    hidden: Mapping[str, Any] = field(default_factory=dict)
    """The names that IPython itself put among the globals."""

    def cell_of_file(self, filename: str) -> ExecutedCell | None:
        """Find the cell whose code was compiled under `filename` (a code object's `co_filename`)."""
        count = self.filenames.get(filename)
        return next((cell for cell in self.cells if cell.count == count), None)


_RUN = re.compile(r"^[ \t]*%run[ \t]+(?:-\w+[ \t]+)*([\"']?)(\S+?\.(?:py|ipynb))\1(?:[ \t].*)?$", re.MULTILINE)


def read_run_files(raw: str, count: int, transform: Callable[[str], str]) -> Iterator[ExecutedCell]:
    """Read the scripts and notebooks that a cell runs with `%run`; what is gone or unreadable is left out."""
    for _, name in _RUN.findall(raw):
        path = Path(name).expanduser()
        try:
            if path.suffix == ".py":
                text = path.read_text()
                yield ExecutedCell(count, text, text, ast.parse(text), file=name)
                continue
            for cell in read_notebook(path).cells:
                code, tree = clean_source(cell.source, transform)
                yield ExecutedCell(count, cell.source, code, tree, file=name)
        except (OSError, SyntaxError, ValueError, NotebookError):
            continue


def read_kernel(shell: Any, *, document: Path | None = None, runs: Mapping[int, CellRun] | None = None) -> Kernel:
    """Read the kernel that `shell` (an IPython `InteractiveShell`) runs; `runs` tells more by execution count.

    The cell that is executing now (the one with `%deploy` in it) is part of the history.
    """
    history = shell.history_manager.input_hist_raw
    cells: list[ExecutedCell] = []
    for count in range(1, len(history)):
        raw = history[count]
        if raw.strip():
            cells += read_run_files(raw, count, shell.input_transformer_manager.transform_cell)
            code, tree = clean_source(raw, shell.input_transformer_manager.transform_cell)
            run = (runs or {}).get(count, CellRun())
            cells.append(ExecutedCell(count, raw, code, tree, run.id, run.begun))
    filenames = shell.compile._filename_map  # noqa: SLF001 - IPython's only record of which cell a file name means
    return Kernel(
        names=shell.user_ns,
        cells=tuple(cells),
        folder=Path.cwd(),
        document=document,
        filenames={name: count for name, count in filenames.items() if name in linecache.cache},
        hidden=dict(shell.user_ns_hidden),
    )
