"""Where a name of the notebook got its value: the top-level statements of executed cells that bind it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_deploy.capture.kernel import ExecutedCell, Kernel

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Binding:
    """A statement of a cell that gives `name` a value."""

    name: str
    cell: ExecutedCell
    statement: ast.stmt
    line: int

    @property
    def where(self) -> str:
        """How messages call this place."""
        return f"{self.cell.label}, line {self.line}"


@dataclass(frozen=True)
class StarImport:
    """A `from module import *` of a cell."""

    module: str
    cell: ExecutedCell
    line: int


class Bindings:
    """All bindings of a kernel's history, by name, in the order of execution."""

    def __init__(self, kernel: Kernel) -> None:
        self._by_name: dict[str, list[Binding]] = {}
        self.stars: list[StarImport] = []
        self.imported_modules: set[str] = set()
        for cell in kernel.cells:
            for statement in top_level(cell.tree.body):
                for name in bound_names(statement):
                    self._by_name.setdefault(name, []).append(Binding(name, cell, statement, statement.lineno))
                self._note_import(statement, cell)

    def _note_import(self, statement: ast.stmt, cell: ExecutedCell) -> None:
        if isinstance(statement, ast.Import):
            self.imported_modules.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            self.imported_modules.add(statement.module)
            if statement.names[0].name == "*":
                self.stars.append(StarImport(statement.module, cell, statement.lineno))

    def of(self, name: str) -> list[Binding]:
        """Every binding of `name`, the first executed first."""
        return self._by_name.get(name, [])

    def last(self, name: str) -> Binding | None:
        """The binding that was executed last."""
        found = self._by_name.get(name)
        return found[-1] if found else None

    def names(self) -> list[str]:
        """Every name that a cell binds."""
        return sorted(self._by_name)


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Walk the statements that run in the notebook's own scope, also inside `if`, `for`, `with`, `try`."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from top_level(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from top_level(handler.body)
        for case in getattr(statement, "cases", []):
            yield from top_level(case.body)


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """Give the names that a statement itself binds, not those of statements nested in it."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, ast.Import):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in statement.names if alias.name != "*")
    else:
        for expression in _own_expressions(statement):
            for node in ast.walk(expression):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id


def _own_expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement itself, not of the statements nested in it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield child
