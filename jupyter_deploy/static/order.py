"""Whether the saved outputs can come from the saved cells, run from top to bottom."""

from __future__ import annotations

import ast
import bisect
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from jupyter_deploy.check.finding import Finding, Severity
from jupyter_deploy.static.document import Document, StaticCell
from jupyter_deploy.static.names import Names

_AGAIN = "run the notebook from top to bottom and save it (Run → Restart Kernel and Run All Cells)"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(r"^-+> ?(\d+) (.*)$", re.MULTILINE)
_OWN_FRAMES = re.compile(r"(?:Cell )?In ?\[\d+\]|<ipython-input")


def find_order(document: Document, names: Names, reached: Collection[str]) -> Iterator[Finding]:
    """Find cells that were not run, were run in another order, or were edited after they ran.

    A notebook without any count was cleared before it was saved, and tells nothing. What concerns `reached`, the names
    that an entry depends on, is a warning; all else is a note.
    """
    cells = [cell for cell in document.cells if cell.source.strip() and cell.runs]
    if all(cell.count is None for cell in cells):
        return
    run = [cell for cell in cells if cell.count is not None]
    reports = [*_not_run(cells), *_repeated(run), *_out_of_order(run), *_edited(run), *_without_output(run)]
    for code, cell, message in sorted(reports, key=lambda one: one[1].position):
        weighty = code != "missing-output" and (not reached or _concerns(cell, names, reached))
        severity: Severity = "warning" if weighty else "note"
        yield Finding(severity, code, message, str(document.path), cell.label, _AGAIN)


_Report = tuple[str, StaticCell, str]


def _concerns(cell: StaticCell, names: Names, reached: Collection[str]) -> bool:
    """Whether a cell makes or changes something that an entry depends on, or may do so unseen."""
    if cell.wrong_syntax is not None or cell.role is not None:
        return True
    if names.flow(cell).stored & set(reached):
        return True
    return any(names.references(statement).writes & set(reached) for statement in cell.tree.body)


def _not_run(cells: list[StaticCell]) -> Iterator[_Report]:
    for cell in cells:
        if cell.count is None:
            what = "has outputs, but no number" if cell.outputs else "was not run"
            yield "not-run", cell, f"the cell {what}, while others of the notebook were run"


def _repeated(run: list[StaticCell]) -> Iterator[_Report]:
    first: dict[int, StaticCell] = {}
    for cell in run:
        assert cell.count is not None
        earlier = first.setdefault(cell.count, cell)
        if earlier is not cell:
            same = f"the cell ran as [{cell.count}], and so did {earlier.label}: they ran in different kernels"
            yield "other-kernel", cell, same


def _out_of_order(run: list[StaticCell]) -> Iterator[_Report]:
    """Report the fewest cells that one would have to leave out for the rest to be in order."""
    kept = _longest_increasing([cell.count or 0 for cell in run])
    for index, cell in enumerate(run):
        if index not in kept and all(cell.count != other.count for other in run if other is not cell):
            above = [other for other in run[:index] if (other.count or 0) > (cell.count or 0)]
            below = [other for other in run[index + 1:] if (other.count or 0) < (cell.count or 0)]
            place = f"before {above[-1].label} above it" if above else f"after {below[0].label} below it"
            count = above[-1].count if above else below[0].count
            yield "out-of-order", cell, f"the cell ran as [{cell.count}], {place}, which ran as [{count}]"


def _longest_increasing(counts: list[int]) -> set[int]:
    """Give the indices of a longest strictly increasing subsequence."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, count in enumerate(counts):
        place = bisect.bisect_left(tails, count)
        previous.append(ends[place - 1] if place else -1)
        tails[place:place + 1] = [count]
        ends[place:place + 1] = [index]
    kept: set[int] = set()
    index = ends[-1] if ends else -1
    while index >= 0:
        kept.add(index)
        index = previous[index]
    return kept


def _edited(run: list[StaticCell]) -> Iterator[_Report]:
    for cell in run:
        reason = next(filter(None, (_contradicts(cell, output) for output in cell.outputs)), None)
        if reason is not None:
            yield "edited", cell, f"the cell was edited after it ran: {reason}"


def _contradicts(cell: StaticCell, output: Mapping[str, Any]) -> str | None:
    """Say how an output cannot come from the source."""
    kind = output.get("output_type")
    if kind == "execute_result":
        if output.get("execution_count") not in (cell.count, None):
            return f"its result is that of [{output['execution_count']}]"
        if cell.wrong_syntax is None and cell.tree.body and not _has_value(cell):
            return "it shows a result, but does not end in an expression"
    if kind == "error":
        return _other_line(cell, output)
    return None


def _has_value(cell: StaticCell) -> bool:
    """Whether a cell may show a result; with a magic in it, anything may be."""
    if re.search(r"^\s*[%!]|\?\s*$", cell.source, re.MULTILINE):
        return True
    return isinstance(cell.tree.body[-1], ast.Expr)


def _other_line(cell: StaticCell, output: Mapping[str, Any]) -> str | None:
    """Compare the line of the cell that a saved traceback points at with the line there now."""
    lines = cell.source.splitlines()
    for part in map(_plain, output.get("traceback", ())):
        frame = _FRAME.search(part)
        if frame and _OWN_FRAMES.match(part.lstrip()) and f"[{cell.count}]" in part.partition("\n")[0]:
            number, text = int(frame[1]), frame[2].strip()
            now = lines[number - 1].strip() if number <= len(lines) else "missing"
            if text and not now.startswith(text):
                return f"its error is in line {number}, {_short(text)}, which now is {_short(now)}"
    return None


def _plain(text: object) -> str:
    return _COLOUR.sub("", str(text))


def _short(text: str) -> str:
    return f"`{text}`" if len(text) <= 40 else f"`{text[:39]}…`"


def _without_output(run: list[StaticCell]) -> Iterator[_Report]:
    """Report a cell that ends in a name and shows nothing, where other such cells show something."""
    shown = [cell for cell in run if _ends_in_name(cell)]
    if any(cell.outputs for cell in shown):
        for cell in shown:
            if not cell.outputs:
                yield "missing-output", cell, "the cell ends in a value, but has no output, while others have"


def _ends_in_name(cell: StaticCell) -> bool:
    last = cell.tree.body[-1] if cell.tree.body else None
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Name) and not cell.source.rstrip().endswith(";")
