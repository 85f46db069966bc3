"""What a notebook would serve: the functions of its entry cells, and what its `%deploy` lines name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.errors import UsageError
from jupyter_deploy.notebook import PREFIX
from jupyter_deploy.options import build_magic_parser, split_line
from jupyter_deploy.static.document import Document, StaticCell
from jupyter_deploy.static.names import Function, Names

_LINE = re.compile(r"^[ \t]*(?:[\w, ]+=[ \t]*)?%(%?)deploy\b(.*)$", re.MULTILINE)
_VERBS = ("list", "stop", "start", "rollback", "logs", "metrics", "help")


@dataclass(frozen=True)
class Served:
    """A function or model that would be served."""

    name: str
    cell: StaticCell
    """The cell that says so: the entry's own, or the one with the `%deploy` line."""
    line: int | None


def find_entries(document: Document, names: Names) -> tuple[list[Served], list[Finding]]:
    """Find what would be served, and what is wrong with how the notebook says it."""
    served: dict[str, Served] = {}
    findings: list[Finding] = []
    for cell in document.cells:
        if cell.role == "entry":
            own = [Served(name, cell, None) for name in _functions_of(cell, names)]
            served.update({one.name: one for one in own})
            if not own and cell.wrong_syntax is None:
                findings.append(_no_function(cell, names, document))
    lines, wrong = _read_lines(document, names)
    for one in lines:
        served.setdefault(one.name, one)
    findings += wrong
    if not served and not findings:
        findings += _nothing(document)
    return list(served.values()), findings


def _functions_of(cell: StaticCell, names: Names) -> Iterator[str]:
    """Give the public functions whose last definition is in this cell: those that `%deploy` would serve."""
    for name, bound in names.bound_in(cell):
        last = names.last(name)
        if not name.startswith("_") and isinstance(bound.statement, Function) and last is not None and last is bound:
            yield name


def _no_function(cell: StaticCell, names: Names, document: Document) -> Finding:
    tag = f"{PREFIX}entry"
    later = [(name, last) for name, bound in names.bound_in(cell)
             if isinstance(bound.statement, Function) and (last := names.last(name)) is not None]
    for name, last in later:
        if last.cell is not cell:
            return Finding("error", "entry-redefined", f"{name} is tagged {tag} here, but {last.where} gives it "
                           "another value, and that one counts", str(document.path), cell.label,
                           f"tag {last.cell.label} instead, or remove one of the two")
    return Finding("error", "entry-without-function", f"the cell is tagged {tag}, but defines no function to serve",
                   str(document.path), cell.label,
                   "define a function in it whose name does not begin with _, or name what to serve: %deploy NAME")


def _read_lines(document: Document, names: Names) -> tuple[list[Served], list[Finding]]:
    served: list[Served] = []
    findings: list[Finding] = []
    for cell in document.cells:
        for match in _LINE.finditer(cell.source):
            line = cell.source.count("\n", 0, match.start(2)) + 1
            try:
                named = _read_line(match[2])
            except UsageError as error:
                findings.append(Finding("error", "deploy-line", error.message, str(document.path), cell.at(line),
                                        error.advice))
                continue
            if match[1] and not named:
                named = tuple(_functions_of(cell, names))
            served += [Served(name, cell, line) for name in named]
    return served, findings


def _read_line(text: str) -> tuple[str, ...]:
    """Give what a `%deploy` line serves; nothing when it only looks at endpoints or relies on tags."""
    words = split_line(text)
    if any("{" in word or word.startswith("$") for word in words):  # IPython puts values of the notebook in
        return ()
    arguments = build_magic_parser().parse_args(words)
    return () if any(getattr(arguments, verb) for verb in _VERBS) else tuple(arguments.names)


def _nothing(document: Document) -> Iterator[Finding]:
    """Say that nothing is served: a warning where the notebook seems to mean it, else by the way."""
    meant = any(cell.role in ("setup", "include", "example", "test") or "jupyter_deploy" in cell.source
                for cell in document.cells)
    yield Finding("warning" if meant else "note", "no-entry",
                  f"no cell is tagged {PREFIX}entry and no %deploy line names a function or a model",
                  str(document.path), None, f"tag the cell that defines the function with {PREFIX}entry")
