"""Saved notebooks, written in one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Cell = str | tuple[str, Sequence[str]]
"""A source, or a source with its tags."""


def save(path: Path, cells: Sequence[Cell], *, counts: Sequence[int | None] | None = None,
         outputs: dict[int, list[dict[str, Any]]] | None = None, language: str = "python") -> Path:
    """Save a notebook; `counts` of its cells, and `outputs` of some of them by index, as if it had run."""
    written = []
    for index, cell in enumerate(cells):
        source, tags = (cell, ()) if isinstance(cell, str) else cell
        written.append({
            "cell_type": "code", "id": f"cell-{index}", "metadata": {"tags": list(tags)}, "source": source,
            "execution_count": counts[index] if counts else None, "outputs": (outputs or {}).get(index, []),
        })
    spec = {"name": "python3", "display_name": "Python 3", "language": language}
    path.write_text(json.dumps({"cells": written, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}))
    return path
