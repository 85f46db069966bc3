"""Which notebook file a kernel runs: told by somebody, or recognised by its cells."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import NotebookError
from jupyter_deploy.notebook import read_document, source_of

NOTEBOOK = "NBDEPLOY_NOTEBOOK"
"""Environment variable: the notebook file that this kernel runs."""
_INJECTED = "# Parameters"
"""How the cell begins that papermill adds."""
_MOST = 200
"""Notebooks of a folder that are looked at."""


def find_document(names: Mapping[str, Any], executed: Sequence[str]) -> Path | None:
    """Find the notebook file of this kernel.

    `nbdeploy up`, VS Code and the Jupyter server tell it. papermill and `nbconvert --execute` do not: then it is the
    notebook on the command line that started the kernel, or the only one in the kernel's folder, that has all the cells
    which ran.

    Parameters
    ----------
    names
        The kernel's globals.
    executed
        The sources of the cells that ran, as the author wrote them.

    """
    for told in (os.environ.get(NOTEBOOK), names.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME"),
                 names.get("PAPERMILL_INPUT_PATH")):
        if isinstance(told, str) and Path(told).suffix == ".ipynb" and Path(told).is_file():
            return Path(told)
    ran = {source.strip() for source in executed if source.strip() and not source.startswith(_INJECTED)}
    for path in _on_command_line():
        if _has_cells(path, ran):
            return path
    here = [path for path in sorted(Path.cwd().glob("*.ipynb"))[:_MOST] if _has_cells(path, ran)]
    return here[0] if len(here) == 1 else None


def _on_command_line() -> Iterator[Path]:
    """Give the notebooks that the process which started this kernel was called with; Linux tells, others do not."""
    process = Path(f"/proc/{os.getppid()}")
    try:
        words = (process / "cmdline").read_text(encoding="utf-8", errors="surrogateescape").split("\0")
        folder = (process / "cwd").readlink()
    except OSError:
        return
    for word in words:
        path = folder / word.rpartition("=")[2]
        if path.suffix == ".ipynb" and path.is_file():
            yield path


def _has_cells(path: Path, ran: set[str]) -> bool:
    try:
        cells = read_document(path)["cells"]
        return bool(ran) and ran <= {source_of(cell).strip() for cell in cells if cell.get("cell_type") == "code"}
    except (NotebookError, AttributeError, TypeError):
        return False
