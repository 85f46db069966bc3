"""The stale guard: the kernel holds what ran, the document holds what the next reader will see. Do they agree?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from jupyter_deploy.capture.bindings import Bindings
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.slice import Finding
from jupyter_deploy.notebook import Cell, Notebook

ALIKE = 0.6
"""Two sources this similar are one cell before and after an edit."""


def match_cells(kernel: Kernel, notebook: Notebook) -> dict[int, Cell]:
    """Map execution counts to the document's cells that still say what was executed."""
    by_id = {cell.id: cell for cell in notebook.cells if cell.id}
    by_source: dict[str, Cell] = {}
    for cell in notebook.cells:
        by_source.setdefault(cell.source.strip(), cell)
    matched: dict[int, Cell] = {}
    for executed in kernel.cells:
        found = by_id.get(executed.id or "")
        if found is None or found.source.strip() != executed.raw.strip():
            found = by_source.get(executed.raw.strip())
        if found is not None:
            matched[executed.count] = found
    return matched


def find_stale(
    kernel: Kernel, notebook: Notebook, used: Mapping[str, Iterable[str]], bindings: Bindings
) -> list[Finding]:
    """Compare the cells that the slice comes from with the document.

    A file that was saved before a cell ran cannot tell what has become of that cell: it is then taken as it ran.

    Parameters
    ----------
    kernel, notebook
        What ran, and what is saved.
    used
        The names that the slice takes from each cell, by the cell's label.
    bindings
        Where names are bound.

    """
    matched = match_cells(kernel, notebook)
    findings = []
    for executed in kernel.cells:
        names = sorted(used.get(executed.label, ()))
        if names and executed.file is None and executed.count not in matched and not _ran_since(executed, notebook):
            text = _describe_change(executed, names, notebook, matched)
            findings.append(Finding(text, executed.label, "stale-cell"))
    for name in sorted({name for names in used.values() for name in names}):
        finding = _doubly_defined(name, bindings, matched)
        if finding is not None:
            findings.append(finding)
    return findings


def _ran_since(executed: ExecutedCell, notebook: Notebook) -> bool:
    return executed.begun is not None and executed.begun > notebook.saved


def find_edited(
    executed: ExecutedCell, names: list[str], notebook: Notebook, matched: Mapping[int, Cell]
) -> Cell | None:
    """Find the document's cell that was edited after it ran as `executed` and defined `names`; None if it is gone."""
    free = [cell for cell in notebook.cells if all(cell is not taken for taken in matched.values())]
    same_id = next((cell for cell in free if executed.id and cell.id == executed.id), None)
    return same_id or next(
        (cell for cell in free if _names_any(cell.source, names) and _alike(cell.source, executed.raw)), None
    )


def _describe_change(executed: ExecutedCell, names: list[str], notebook: Notebook, matched: Mapping[int, Cell]) -> str:
    what = ", ".join(names)
    edited = find_edited(executed, names, notebook, matched)
    if edited is not None:
        return (
            f"cell {edited.position} of the notebook was edited after it ran; the service gets {what} as it ran. "
            "Run the cell again, or undo the edit"
        )
    return (
        f"the notebook no longer has the cell that defined {what}, but the kernel still does: it was deleted, "
        f"or {notebook.path.name} is not saved yet"
    )


def _names_any(source: str, names: list[str]) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", source) for name in names)


def _alike(one: str, other: str) -> bool:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def _doubly_defined(name: str, bindings: Bindings, matched: Mapping[int, Cell]) -> Finding | None:
    """Report a name whose live value is not the one that running the document from top to bottom would leave."""
    places = [(binding, matched[binding.cell.count]) for binding in bindings.of(name) if binding.cell.count in matched]
    if len({cell.position for _, cell in places}) < 2:
        return None
    lowest = max(places, key=lambda place: place[1].position)
    live = bindings.of(name)[-1]
    if matched.get(live.cell.count) is lowest[1]:
        return None
    return Finding(
        f"{name} is defined more than once: the kernel has it from {live.cell.label}, but in the notebook "
        f"cell {lowest[1].position} comes last and gives it another value",
        live.cell.label,
        "redefined-name",
    )
