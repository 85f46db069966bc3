"""The import statements of a source file, wherever they stand in it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True)
class Import:
    """One imported module."""

    module: str
    """Absolute, dotted."""
    names: tuple[str, ...]
    """What `from module import …` takes out of it, which may be submodules; empty for `import module`."""
    line: int
    optional: bool
    """The code goes on without it (`except ImportError`), or meets it only when a function is called."""


def find_imports(source: bytes | str, module: str, *, package: bool = False) -> tuple[Import, ...]:
    """Find what a module's source imports, in the order of its lines.

    `module` is its dotted name, and `package` says whether it is an `__init__.py`: relative imports start from them.
    What only a type checker or a script run sees (`if TYPE_CHECKING`, `if __name__ == "__main__"`) does not count.

    Raises
    ------
    SyntaxError
        When it is not Python.

    """
    finder = _Finder(module if package else module.rpartition(".")[0])
    finder.visit(ast.parse(source))
    return tuple(sorted(finder.found, key=lambda one: one.line))


class _Finder(ast.NodeVisitor):
    def __init__(self, package: str) -> None:
        self.found: list[Import] = []
        self._package = package
        self._optional = 0

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, (), node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = self._absolute(node.module or "", node.level)
        if module:
            self._add(module, tuple(alias.name for alias in node.names), node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
            name = node.args[0].value
            if isinstance(name, str) and name.strip(".") == name:
                self._add(name, (), node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if not _never_in_service(node.test):
            self._visit_all(node.body)
        self._visit_all(node.orelse)

    def visit_Try(self, node: ast.Try) -> None:
        forgiving = any(_forgives(handler) for handler in node.handlers)
        self._optional += forgiving
        self._visit_all([*node.body, *node.handlers])
        self._optional -= forgiving
        self._visit_all([*node.orelse, *node.finalbody])

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all(node.decorator_list)
        self._optional += 1
        self._visit_all(node.body)
        self._optional -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - named by ast

    def _visit_all(self, nodes: Sequence[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _add(self, module: str, names: tuple[str, ...], node: ast.stmt | ast.expr) -> None:
        self.found.append(Import(module, names, node.lineno, self._optional > 0))

    def _absolute(self, module: str, level: int) -> str:
        if not level:
            return module
        parts = self._package.split(".")
        base = ".".join(parts[: len(parts) - level + 1])
        return f"{base}.{module}".strip(".")


def _never_in_service(test: ast.expr) -> bool:
    text = ast.unparse(test)
    return text.rpartition(".")[2] == "TYPE_CHECKING" or text == "__name__ == '__main__'"


def _forgives(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or getattr(one, "id", "") in _FORGIVING for one in caught)
