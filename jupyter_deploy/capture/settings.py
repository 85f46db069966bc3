"""What the notebook set in libraries for all that follows: `set_config(transform_output="pandas")`.

Nothing that is served names such a line, but answers depend on it: so it goes along with the library. Many libraries
keep their settings for each thread, so the service sets them in each.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.runtime.entries import SETTINGS

_NOT_OF_ANSWERS = ("display", "print", "thread", "seed", "log", "verbos", "plot", "style", "theme")
"""Parts of the names of what only changes how the notebook looks, or how fast it is."""


def find_settings(kernel: Kernel, packages: Container[str]) -> Iterator[ast.stmt]:
    """Find the statements that set something in some packages, in the order in which they ran.

    These are calls such as `set_option(...)` and assignments such as `pandas.options.mode.x = True`, which name nothing
    but constants and what is the packages' own.
    """
    for cell in kernel.cells:
        for statement in cell.tree.body:
            if not _is_setting(statement) or any(part in ast.unparse(statement).lower() for part in _NOT_OF_ANSWERS):
                continue
            names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            if all(_package_of(kernel.names, name) in packages for name in names):
                yield statement


def write_settings(statements: Iterable[ast.stmt]) -> str | None:
    """Write the function of `service.py` that repeats them, and its first call; None if there are none."""
    lines = dict.fromkeys(f"    {ast.unparse(statement)}" for statement in statements)
    told = '    """What the notebook set in libraries: some keep it for each thread."""'
    return "\n".join([f"def {SETTINGS}():", told, *lines, "", "", f"{SETTINGS}()"]) if lines else None


def _is_setting(statement: ast.stmt) -> bool:
    """Tell whether a statement calls something to set it, or assigns deep inside of something."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name))):
            return name.startswith("set")
        case ast.Assign(targets=[ast.Attribute(value=ast.Attribute() | ast.Call())]):
            return True
    return False


def _package_of(names: Mapping[str, Any], name: str) -> str | None:
    """Name the package that a module, a function or a class is of; None for the notebook's own, and for values."""
    value = names.get(name)
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0]
    own = not isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)) or value.__module__ == "__main__"
    return None if own else str(value.__module__).partition(".")[0]
