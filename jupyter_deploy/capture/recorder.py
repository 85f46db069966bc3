"""Recording of the calls that the author makes, from `%load_ext jupyter_deploy` on.

IPython lets an extension transform a cell's syntax tree before it runs. The recorder wraps the functions that a cell
itself calls by a plain name, and keeps the arguments when the function was defined in the notebook.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import types
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WATCH = "__nbdeploy_watch__"
KEPT = 8
"""Calls kept for each function, the latest."""
LARGEST = 5 * 2**20
"""Bytes; a call whose arguments are larger is not kept."""


_SEE_THEIR_CALLER = frozenset({"super", "locals", "globals", "vars", "dir", "eval", "exec"})


@dataclass(frozen=True)
class RecordedCall:
    """A call that ran in a cell, with a copy of its arguments as they were."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    count: int
    """Execution count of the cell."""


@dataclass
class Recorder(ast.NodeTransformer):
    """The transformer, and what it has recorded, by function."""

    count: Callable[[], int]
    """Gives the execution count of the running cell."""
    _calls: dict[int, tuple[object, deque[RecordedCall]]] = field(default_factory=dict)

    def calls_of(self, function: object) -> list[RecordedCall]:
        """Give the recorded calls of this very function object."""
        found = self._calls.get(id(function))
        return list(found[1]) if found is not None and found[0] is function else []

    def watch(self, function: Any) -> Any:
        """Give a function back, wrapped if its calls are to be kept (it then is only called, at this place)."""
        if getattr(function, "__module__", None) != "__main__" or isinstance(function, type):
            return function
        if not isinstance(function, (types.FunctionType, functools.partial)) and not hasattr(function, "__wrapped__"):
            return function

        def call(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            self._keep(function, args, kwargs)
            return function(*args, **kwargs)

        return call

    def _keep(self, function: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # What a function has as a default, such as its model, is not data: it need not be copied, and is known again
        defaults = {id(value): value for value in _defaults_of(function)}
        if sum(size_of(value) for value in (*args, *kwargs.values()) if id(value) not in defaults) > LARGEST:
            return
        try:
            kept = RecordedCall(*copy.deepcopy((args, kwargs), defaults), self.count())
        except Exception:  # noqa: BLE001 - what cannot be copied is simply not recorded
            return
        _, calls = self._calls.setdefault(id(function), (function, deque(maxlen=KEPT)))
        calls.append(kept)

    def visit(self, node: ast.AST) -> ast.AST:
        """Wrap the functions that a cell itself calls; the bodies of functions and classes stay as they are."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            return node
        self.generic_visit(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in _SEE_THEIR_CALLER:
            watch = ast.Call(ast.Name(WATCH, ast.Load()), [node.func], [])
            node.func = ast.fix_missing_locations(ast.copy_location(watch, node.func))
        return node


def _defaults_of(function: Any) -> tuple[Any, ...]:
    bare = inspect.unwrap(function)
    named = getattr(bare, "__kwdefaults__", None) or {}
    return (*(getattr(bare, "__defaults__", None) or ()), *named.values())


def size_of(value: Any) -> int:
    """Estimate the bytes of an argument, cheaply."""
    usage = getattr(value, "memory_usage", None)
    if usage is not None and not isinstance(value, type):
        total = usage()
        return int(total.sum() if hasattr(total, "sum") else total)
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(value, (str, bytes)):
        return len(value)
    return len(value) * 50 if isinstance(value, (list, tuple, dict, set)) else 100
