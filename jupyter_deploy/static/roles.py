"""Roles and tags: misspelt ones, and those that contradict each other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.notebook import PREFIX, ROLES
from jupyter_deploy.static.document import Document, StaticCell

PARAMETERS = "parameters"
_OURS = re.compile(r"(?:nb)?deploy[\W_]*(\w+)", re.IGNORECASE)
_OTHERS = ("skip-execution", "raises-exception")


def find_roles(document: Document) -> Iterator[Finding]:
    """Find tags that nobody reads as they were meant."""
    for cell in document.cells:
        if cell.wrong_role is not None:
            yield Finding("error", "role", cell.wrong_role.message, str(document.path), cell.label,
                          cell.wrong_role.advice)
        yield from _misspelt(document, cell)
        yield from _contradictions(document, cell)
    yield from _parameters(document)


def _misspelt(document: Document, cell: StaticCell) -> Iterator[Finding]:
    for tag in cell.tags:
        meant = None if tag.startswith(PREFIX) else _meant(tag)
        if meant is not None:
            yield Finding("warning", "tag", f"the tag {tag!r} means nothing", str(document.path), cell.label,
                          f"did you mean {meant!r}?")


def _meant(tag: str) -> str | None:
    """Give the tag that a misspelt one stands for; a word of its own, such as `test`, stands for itself."""
    if ours := _OURS.fullmatch(tag):
        near = difflib.get_close_matches(ours[1].lower(), ROLES, n=1, cutoff=0.75)
        return f"{PREFIX}{near[0]}" if near else None
    plain = tag.lower().replace("_", "-").replace(" ", "-")
    if tag in _OTHERS:
        return None
    return next((one for one in _OTHERS if difflib.SequenceMatcher(None, plain, one).ratio() > 0.9), None)


def _contradictions(document: Document, cell: StaticCell) -> Iterator[Finding]:
    if cell.role in (None, "skip"):
        return
    if not cell.runs:
        yield Finding("error", "role-conflict", f"the cell is tagged {PREFIX}{cell.role}, and skip-execution: where "
                      "nobody looks on it is not run", str(document.path), cell.label, "keep one of the two tags")
    if "raises-exception" in cell.tags:
        yield Finding("warning", "role-conflict", f"the cell is tagged {PREFIX}{cell.role}, and raises-exception: "
                      "its failure would go unnoticed", str(document.path), cell.label, "keep one of the two tags")


def _parameters(document: Document) -> Iterator[Finding]:
    tagged = [cell for cell in document.cells if PARAMETERS in cell.tags]
    for cell in tagged[1:]:
        yield Finding("warning", "parameters", f"{tagged[0].label} is tagged {PARAMETERS} already, and only that one "
                      "takes values", str(document.path), cell.label, "put all parameters into one cell")
    if not tagged:
        for cell in document.cells:
            near = difflib.get_close_matches(PARAMETERS, [tag.lower() for tag in cell.tags], n=1, cutoff=0.85)
            if near:
                yield Finding("warning", "tag", f"the tag {near[0]!r} means nothing", str(document.path), cell.label,
                              f"did you mean {PARAMETERS!r}?")
