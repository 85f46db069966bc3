"""Names that nothing defines, that are defined too late, twice, or only where it does not count."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterator, Mapping

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.notebook import PREFIX
from jupyter_deploy.static.document import Document, StaticCell
from jupyter_deploy.static.entries import Served
from jupyter_deploy.static.names import Bound, Names


def find_definitions(document: Document, names: Names, served: list[Served]) -> Iterator[Finding]:
    """Find what would fail with a `NameError`, in the service or when the notebook runs from top to bottom."""
    reached = names.reach([one.name for one in served], through_values=False)
    yield from _unknown_entries(document, names, served)
    undefined = {name: chain for name, chain in reached.items() if "→" in chain and not names.may_be_bound(name)}
    for name, chain in sorted(undefined.items()):
        yield _undefined(document, names, name, chain)
    for cell in document.cells:
        if cell.runs and "raises-exception" not in cell.tags:
            yield from _too_early(document, names, cell, told={*undefined, *(one.name for one in served)})
    yield from _ambiguous(document, names, reached)


def _unknown_entries(document: Document, names: Names, served: list[Served]) -> Iterator[Finding]:
    for one in served:
        if not names.may_be_bound(one.name) and one.name.isidentifier():
            near = difflib.get_close_matches(one.name, names.all(), n=1)
            yield Finding("error", "unknown-entry", f"no cell defines {one.name}, which %deploy is to serve",
                          str(document.path), one.cell.at(one.line), f"did you mean {near[0]}?" if near else None)


def _undefined(document: Document, names: Names, name: str, chain: str) -> Finding:
    user = chain.split(" → ")[-2]
    bound = names.last(user)
    line = _line_of(name, bound.statement) if bound is not None else None
    near = difflib.get_close_matches(name, names.all(), n=1, cutoff=0.8)
    return Finding("error", "undefined-name", f"{user} uses {name}, which no cell defines ({chain})",
                   str(document.path), bound.cell.at(line) if bound is not None else None,
                   f"did you mean {near[0]}?" if near else "define it in a cell: a freshly started kernel has none")


def _line_of(name: str, tree: ast.AST) -> int | None:
    return next((node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name), None)


def _too_early(document: Document, names: Names, cell: StaticCell, *, told: Collection[str]) -> Iterator[Finding]:
    """Report names that a cell reads as it runs, and that only a later cell defines, or none."""
    flow = names.flow(cell)
    for name in sorted(flow.first_read - flow.stored):
        if not names.may_be_bound(name):
            if name not in told:
                yield Finding("warning", "undefined-name", f"{name} is used, but no cell defines it",
                              str(document.path), cell.at(_line_of(name, cell.tree)),
                              "a freshly started kernel has none")
        elif (later := _only_later(name, cell, names)) is not None:
            yield Finding("warning", "used-before-definition", f"{name} is used here, but defined only below, in "
                          f"{later.where}", str(document.path), cell.at(_line_of(name, cell.tree)),
                          "move that cell up: the notebook does not run from top to bottom")


def _only_later(name: str, cell: StaticCell, names: Names) -> Bound | None:
    """Give the first binding of a name when all come after a cell; None when anything above may have made it."""
    bound = names.of(name)
    if not bound or names.may_be_bound(name, above=cell):
        return None
    return bound[0] if all(one.cell.position > cell.position for one in bound) else None


def _ambiguous(document: Document, names: Names, reached: Mapping[str, str]) -> Iterator[Finding]:
    for name, chain in sorted(reached.items()):
        bound = names.of(name)
        last = names.last(name)
        if last is None:
            continue
        skipped = [one for one in bound if one.cell.role == "skip" or not one.cell.runs]
        if len(skipped) == len(bound) and "→" in chain:
            tag = next(tag for tag in last.cell.tags or (f"{PREFIX}skip",))
            yield Finding("error", "needs-skipped", f"{name} is needed ({chain}), but its only definition is in a cell "
                          f"that is left out (tagged {tag})", str(document.path), last.where,
                          "move the definition, or remove the tag")
        others = [one for one in bound if one.cell is not last.cell and one.is_definition and one not in skipped
                  and not _same(one, last)]
        if others:
            places = ", ".join(one.where for one in others)
            yield Finding("warning", "defined-twice", f"{name} is defined here and in {places}, differently; run from "
                          "top to bottom, this one counts", str(document.path), last.where,
                          "remove the others, or give them names of their own")


def _same(one: Bound, other: Bound) -> bool:
    return ast.dump(one.statement) == ast.dump(other.statement)
