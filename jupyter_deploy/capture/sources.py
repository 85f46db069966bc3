"""The source of live functions and classes: found in what was executed, never guessed from a name."""

from __future__ import annotations

import ast
import copy
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jupyter_deploy.capture.bindings import Definition
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel


@dataclass(frozen=True)
class Source:
    """A definition as it stands in an executed cell."""

    cell: ExecutedCell
    node: Definition | ast.Lambda
    flags: int
    """Compiler flags of `__future__` imports that were in force."""
    rewritten: bool = False
    """The node no longer is what the cell says, so its text comes from the tree."""

    @property
    def line(self) -> int:
        """The first line, decorators included."""
        decorators = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        return min([self.node.lineno, *(decorator.lineno for decorator in decorators)])

    def text(self, *, decorated: bool = True) -> str:
        """The source text with its comments; re-generated from the tree where it was indented or shares its line."""
        node = self.node
        if self.rewritten:
            return ast.unparse(node if decorated or isinstance(node, ast.Lambda) else without_decorators(node))
        if isinstance(node, ast.Lambda):
            return ast.get_source_segment(self.cell.code, node) or ast.unparse(node)
        if node.col_offset == 0 and node.end_lineno is not None:
            lines = self.cell.code.splitlines()[(self.line if decorated else node.lineno) - 1 : node.end_lineno]
            lines[-1] = lines[-1].encode()[: node.end_col_offset].decode()
            return "\n".join(lines)
        return ast.unparse(node if decorated else without_decorators(node))


def without_decorators(node: Definition) -> Definition:
    """Give the same definition, undecorated."""
    bare = copy.copy(node)
    bare.decorator_list = []
    return bare


def quote_annotations(source: Source) -> Source:
    """Give the same function with its annotations as text, which names nothing while the function is made."""
    node = copy.deepcopy(source.node)
    for child in ast.walk(node):
        if isinstance(child, ast.arg) and child.annotation is not None:
            text = ast.Constant(ast.unparse(child.annotation))
            child.annotation = ast.copy_location(text, child.annotation)
    return replace(source, node=node, rewritten=True)


def without_nonlocal(node: Definition | ast.Lambda) -> Definition | ast.Lambda:
    """Give an undecorated copy that compiles alone: what it declares nonlocal becomes local, and so no global."""
    alone = copy.deepcopy(node if isinstance(node, ast.Lambda) else without_decorators(node))
    for child in ast.walk(alone):
        for body in (getattr(child, "body", None), getattr(child, "orelse", None)):
            if isinstance(body, list):
                body[:] = [ast.copy_location(ast.Pass(), one) if isinstance(one, ast.Nonlocal) else one for one in body]
    return alone


def nonlocal_names(node: ast.AST) -> frozenset[str]:
    """The names that a function declares nonlocal, and so changes in its closure."""
    return frozenset(name for child in ast.walk(node) if isinstance(child, ast.Nonlocal) for name in child.names)


def find_function(function: types.FunctionType, kernel: Kernel) -> Source | None:
    """Find the `def` or `lambda` that made a function; None when no executed cell holds it."""
    code = function.__code__
    flags = code.co_flags & _future_flags()
    for cell in _cells_for(code, kernel):
        for node in _functions_in(cell.tree, code.co_name):
            if _compiles_to(node, code, flags):
                return Source(cell, node, flags)
    return None


def find_class(cls: type, kernel: Kernel) -> Source | None:
    """Find the `class` statement that made a class; None when no executed cell holds it.

    A class does not know its line (before Python 3.13), its methods do; a class without methods is the one
    that was executed last under its name.
    """
    methods = [
        value
        for value in map(_underlying_function, vars(cls).values())
        if value is not None and value.__qualname__.startswith(f"{cls.__qualname__}.")
    ]
    for cell in reversed(kernel.cells):
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                found = next((find_function(method, kernel) for method in methods if _is_written(method)), None)
                if found is None or (found.cell is cell and _encloses(node, found.node)):
                    return Source(cell, node, 0 if found is None else found.flags)
    return None


def _underlying_function(value: object) -> types.FunctionType | None:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    if callable(value):
        value = inspect.unwrap(value)
    return value if isinstance(value, types.FunctionType) else None


def _is_written(function: types.FunctionType) -> bool:
    """Tell a method that an author wrote from one that `dataclass` and the like compiled from a string."""
    return function.__code__.co_filename != "<string>"


def _encloses(outer: ast.ClassDef, inner: ast.AST) -> bool:
    return any(node is inner for node in ast.walk(outer))


def _cells_for(code: types.CodeType, kernel: Kernel) -> Iterator[ExecutedCell]:
    """The cells that may have compiled `code`: the one its file name tells, else all, the latest first.

    Magics such as %%time compile under a file name of their own.
    """
    known = kernel.cell_of_file(code.co_filename)
    if known is not None:
        yield known
    yield from (cell for cell in reversed(kernel.cells) if cell is not known)


def _functions_in(tree: ast.AST, name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            if name == "<lambda>":
                yield node
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            yield node


def _compiles_to(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, code: types.CodeType, flags: int) -> bool:
    """Whether compiling `node` gives this code: same instructions, names and constants, at whatever line."""
    free = code.co_freevars
    # A function made by a factory has free names, and they must stay free when it is compiled here.
    bare = _wrap(node, free) if free else node
    module = ast.Module([bare if isinstance(bare, ast.stmt) else ast.Expr(bare)], [])
    top = compile(ast.fix_missing_locations(module), "<slice>", "exec", flags=flags, dont_inherit=True)
    outer = next(_made_in(top)) if free else top
    # Not what is nested in the node: that has a node of its own. Defaults that are lambdas come before their function.
    made = [one for one in _made_in(outer) if one.co_name == code.co_name]
    return bool(made) and _same(made[-1], code)


def _wrap(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, free: tuple[str, ...]) -> ast.FunctionDef:
    arguments = ast.arguments(
        posonlyargs=[], args=[ast.arg(name) for name in free], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    inner = node if isinstance(node, ast.stmt) else ast.Return(node)
    make = ast.parse("def _make(): pass").body[0]
    assert isinstance(make, ast.FunctionDef)
    make.args, make.body = arguments, [inner]
    return make


def _made_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """Give the code of the functions that running `code` makes."""
    return (constant for constant in code.co_consts if isinstance(constant, types.CodeType))


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and set(one.co_freevars) == set(other.co_freevars)
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_same_constant, one.co_consts, other.co_consts))
    )


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, types.CodeType) and isinstance(other, types.CodeType):
        return _same(one, other)
    return type(one) is type(other) and repr(one) == repr(other)


def _future_flags() -> int:
    import __future__

    return sum(getattr(__future__, name).compiler_flag for name in ("annotations",))
