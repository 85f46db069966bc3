"""Notebooks as files: code cells with their tags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat

Cell = tuple[str, Sequence[str]]
"""A cell's source and its tags."""


def write_notebook(path: Path, *cells: Cell, kernel: str = "python3", language: str = "python", counted: bool = False) -> Path:
    """Write a notebook of code cells; `counted`: as if they had been run from top to bottom."""
    notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}, execution_count=number if counted else None)
        for number, (source, tags) in enumerate(cells, start=1)
    ])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": language}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)
    return path
