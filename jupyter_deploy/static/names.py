"""Which names the cells bind and read, and which of them an entry reaches."""

from __future__ import annotations

import ast
import builtins
import dis
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import CodeType

from jupyter_deploy.capture.bindings import bound_names, top_level
from jupyter_deploy.capture.magics import RUN_THEIR_BODY
from jupyter_deploy.capture.references import References, references_of
from jupyter_deploy.static.document import Document, StaticCell

Function = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_GIVEN = frozenset({*vars(builtins), "display", "get_ipython", "exit", "quit", "In", "Out", "__file__",
                    "__annotations__", "__vsc_ipynb_file__", "spark", "sc", "sqlContext", "dbutils", "displayHTML"})
"""Names that no cell has to bind: Python's own, IPython's, and those of the hosts that put some of theirs in."""
_LAST_RESULTS = re.compile(r"_+|_i+|_[io]?\d+|_[doi]h")
_BINDS_ANYTHING = re.compile(r"^\s*%(?:run|pylab|store|macro)\b|\bglobals\(\)|\bexec\(|\.user_ns\b|"
                             r"^\s*from\s+[\w.]+\s+import\s+\*", re.MULTILINE)
_LINE_MAGIC = re.compile(r"^\s*[%!](?!%?deploy\b).*$", re.MULTILINE)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_WORD = re.compile(r"[^\W\d]\w*")
_LOAD_NAME, _STORE_NAME, _STORE_GLOBAL = (dis.opmap[name] for name in ("LOAD_NAME", "STORE_NAME", "STORE_GLOBAL"))


@dataclass(frozen=True, eq=False)
class Bound:
    """A top-level statement of a cell that gives a name its value."""

    name: str
    cell: StaticCell
    statement: ast.stmt

    @property
    def where(self) -> str:
        """How messages call this place."""
        return self.cell.at(self.statement.lineno)

    @property
    def is_definition(self) -> bool:
        """Whether it is a `def` or a `class`."""
        return isinstance(self.statement, DEFINITIONS)


class Names:
    """The names of a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._bound: dict[str, list[Bound]] = {}
        self._references: dict[int, References] = {}
        self._flows: dict[int, Flow] = {}
        for cell in document.cells:
            for statement in top_level(cell.tree.body):
                for name in bound_names(statement):
                    self._bound.setdefault(name, []).append(Bound(name, cell, statement))

    def of(self, name: str) -> list[Bound]:
        """Give the statements that bind a name, the uppermost first."""
        return self._bound.get(name, [])

    def bound_in(self, cell: StaticCell) -> list[tuple[str, Bound]]:
        """Give the names that a cell binds, each with the last statement of the cell that does."""
        found = {name: one for name, bound in self._bound.items() for one in bound if one.cell is cell}
        return sorted(found.items())

    def last(self, name: str) -> Bound | None:
        """Give the statement that binds a name when the notebook has run from top to bottom."""
        found = [one for one in self.of(name) if one.cell.runs] or self.of(name)
        return found[-1] if found else None

    def all(self) -> list[str]:
        """Give every name that a statement binds."""
        return sorted(self._bound)

    def is_given(self, name: str) -> bool:
        """Whether a name needs no cell."""
        return name in _GIVEN or bool(_LAST_RESULTS.fullmatch(name))

    def may_be_bound(self, name: str, *, above: StaticCell | None = None) -> bool:
        """Whether anything could bind a name: a statement, a function's `global`, a magic that mentions it.

        With `above`, only that cell and those above it count.
        """
        if self.is_given(name):
            return True
        last = sys.maxsize if above is None else above.position
        return self._first_that_binds_anything <= last or self._first_with.get(name, sys.maxsize + 1) <= last

    @cached_property
    def _first_that_binds_anything(self) -> int:
        found = (cell.position for cell in self.document.cells if _BINDS_ANYTHING.search(cell.source))
        return next(found, sys.maxsize + 1)

    @cached_property
    def _first_with(self) -> dict[str, int]:
        """The position of the first cell that stores a name, or mentions it where it is not Python."""
        first: dict[str, int] = {}
        for cell in self.document.cells:
            for name in self.flow(cell).stored | _foreign_words(cell):
                first.setdefault(name, cell.position)
        return first

    def flow(self, cell: StaticCell) -> Flow:
        """Give what a cell reads and stores as it runs."""
        if cell.position not in self._flows:
            self._flows[cell.position] = _read_flow(cell.code)
        return self._flows[cell.position]

    def references(self, statement: ast.stmt) -> References:
        """Give what a statement refers to."""
        key = id(statement)
        if key not in self._references:
            self._references[key] = references_of(statement)
        return self._references[key]

    def reach(self, names: Iterable[str], *, through_values: bool) -> dict[str, str]:
        """Follow names to those that their code uses, each with the chain that leads to it.

        Parameters
        ----------
        names
            Where to begin: the entries.
        through_values
            Follow assignments, too: what was needed to make a value counts as reached.

        """
        chains = {name: name for name in names}
        waiting = list(chains)
        while waiting:
            name = waiting.pop()
            for used in sorted(self._uses(name, through_values=through_values)):
                if used not in chains and not self.is_given(used):
                    chains[used] = f"{chains[name]} → {used}"
                    waiting.append(used)
        return chains

    def _uses(self, name: str, *, through_values: bool) -> set[str]:
        if through_values:
            bound = self.of(name)
        else:
            last = self.last(name)
            bound = [last] if last is not None and last.is_definition else []
        return {used for one in bound for used in self.references(one.statement).names}


@dataclass(frozen=True)
class Flow:
    """What a cell reads and stores, in the order of its lines."""

    first_read: frozenset[str]
    """Names that it reads as it runs, before it has stored them itself."""
    stored: frozenset[str]
    """Names that it stores, also those that functions in it declare global."""


def _read_flow(code: CodeType) -> Flow:
    first_read: set[str] = set()
    stored: set[str] = set()
    for operation, name in _named_operations(code):
        if operation != _LOAD_NAME:
            stored.add(name)
        elif name not in stored:
            first_read.add(name)
    stored.update(name for inner in _inner(code) for operation, name in _named_operations(inner)
                  if operation == _STORE_GLOBAL)
    return Flow(frozenset(first_read), frozenset(stored))


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)


def _named_operations(code: CodeType) -> Iterator[tuple[int, str]]:
    """Give the operations of a code on names, in order; read from the bytes, which is ten times faster than `dis`."""
    extended = 0
    raw = code.co_code
    for operation, argument in zip(raw[::2], raw[1::2], strict=True):
        if operation in (_LOAD_NAME, _STORE_NAME, _STORE_GLOBAL):
            yield operation, code.co_names[extended | argument]
        extended = (extended | argument) << 8 if operation == dis.EXTENDED_ARG else 0


def _foreign_words(cell: StaticCell) -> set[str]:
    """Give the words of a cell that are not Python here: on lines with a magic, or in a cell of another language."""
    magic = _CELL_MAGIC.match(cell.source)
    foreign = cell.wrong_syntax is not None or (magic is not None and magic[1] not in RUN_THEIR_BODY)
    texts = [cell.source] if foreign else _LINE_MAGIC.findall(cell.source)
    return {word for text in texts for word in _WORD.findall(text)}
