"""Values that cannot be carried and are made anew by the notebook's own line: a lock, a client, a namedtuple."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Mapping
from typing import Any

from jupyter_deploy.capture.bindings import Binding


def find_alias(value: object, binding: Binding | None) -> ast.Assign | None:
    """Give the assignment that made a type alias or a type variable: those are source, not data."""
    of_typing = type(value).__module__ in ("typing", "typing_extensions")
    if (of_typing or isinstance(value, (types.GenericAlias, types.UnionType))) and binding is not None:
        return binding.statement if isinstance(binding.statement, ast.Assign) else None
    return None


def find_recreation(binding: Binding | None, names: Mapping[str, Any]) -> ast.Assign | None:
    """Give the assignment that made a value, if it does no more than call something importable."""
    statement = None if binding is None else binding.statement
    if isinstance(statement, ast.Assign) and _is_library_call(statement.value, names):
        return statement
    return None


def find_beginning(binding: Binding | None) -> ast.Assign | ast.AnnAssign | None:
    """Give the assignment that made a value which later lines fill: an empty container, a call with plain arguments."""
    match None if binding is None else binding.statement:
        case ast.Assign(value=value) | ast.AnnAssign(value=value) as statement if _is_empty(value):
            return statement
    return None


def _is_empty(node: ast.expr | None) -> bool:
    match node:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(args=positional, keywords=named):
            arguments = [*positional, *(keyword.value for keyword in named)]
            return all(isinstance(argument, (ast.Constant, ast.Name)) for argument in arguments)
    return False


def _is_library_call(node: ast.expr, names: Mapping[str, Any]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    target: ast.expr = node.func
    path: list[str] = []
    while isinstance(target, ast.Attribute):
        path.append(target.attr)
        target = target.value
    if not isinstance(target, ast.Name):
        return False
    value = names.get(target.id, getattr(builtins, target.id, None))
    for attribute in reversed(path):
        value = getattr(value, attribute, None)
    return callable(value) and getattr(value, "__module__", None) != "__main__"
