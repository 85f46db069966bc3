"""What code put on classes, functions and modules after these were made.

`Model.best = fitted`, `predict.calls = 0`, `settings.RATE = 3`, and the registry that subclasses or decorators fill:
their own source does not show it.
"""

from __future__ import annotations

import ast
import enum
import sys
import types
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.capture.bindings import bound_names, top_level
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.sources import find_class


@dataclass(frozen=True)
class ModuleChange:
    """An attribute of a module that is not what importing the module gives."""

    module: str
    attribute: str
    value: object
    filled: bool
    """The module made the container, the notebook's definitions are in it; otherwise the attribute was assigned."""


def stored_attributes(kernel: Kernel) -> frozenset[str]:
    """Name the attributes that executed code assigns, of whatever object."""
    return frozenset(
        node.attr
        for cell in kernel.cells
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    )


def later_attributes(owner: object, kernel: Kernel, stored: frozenset[str]) -> dict[str, object]:
    """Give the data attributes of a class or a function of the notebook that its source alone does not give.

    Parameters
    ----------
    stored
        The attributes that executed code assigns: what is none of these was made with the owner, by a decorator or a
        metaclass, and will be made so again.

    """
    if isinstance(owner, types.FunctionType):
        return {name: value for name, value in sorted(vars(owner).items()) if name in stored and not _is_special(name)}
    source = find_class(owner, kernel) if isinstance(owner, type) and not issubclass(owner, enum.Enum) else None
    if source is None or not isinstance(source.node, ast.ClassDef):
        return {}
    written = _written(source.node)
    return {
        name: value
        for name, value in sorted(vars(owner).items())
        if not _is_special(name) and not hasattr(type(value), "__get__")
        and _is_changed(value, written.get(name, _UNWRITTEN), is_stored=name in stored)
    }  # fmt: skip


_UNWRITTEN = ast.Name("", ast.Load())
"""Stands for an expression of which nothing is known."""


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _written(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Give the expressions that a class body assigns, by the attribute; private names as the class really has them."""
    written: dict[str, ast.expr] = {}
    for statement in top_level(node.body):
        value = getattr(statement, "value", None) if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        for name in bound_names(statement):
            private = name.startswith("__") and not name.endswith("__")
            written[f"_{node.name.lstrip('_')}{name}" if private else name] = value or _UNWRITTEN
    return written


def _is_changed(value: Any, before: ast.expr, *, is_stored: bool) -> bool:
    try:
        constant = ast.literal_eval(before)
    except (ValueError, TypeError):
        return is_stored or (_is_empty_container(before) and isinstance(value, Sized) and len(value) > 0)
    if type(constant) is not type(value):
        return is_stored  # else a metaclass made something of it, as enumerations do
    try:
        return bool(constant != value)
    except ValueError:  # an array in a container has no truth
        return True


_CONTAINERS = frozenset({"dict", "list", "OrderedDict", "Counter", "deque", "defaultdict"})


def _is_empty_container(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return called in _CONTAINERS and len(node.args) <= (called == "defaultdict")


def find_module_changes(kernel: Kernel, modules: Iterable[str]) -> Iterator[ModuleChange]:
    """Find what the notebook changed in some of the modules that it has loaded."""
    assigned = {
        (kernel.names[target.value.id].__name__, target.attr)
        for cell in kernel.cells
        for statement in top_level(cell.tree.body)
        for target in (statement.targets if isinstance(statement, ast.Assign) else ())
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
        and isinstance(kernel.names.get(target.value.id), types.ModuleType)
    }  # fmt: skip
    for module in sorted(set(modules)):
        loaded = sys.modules.get(module)
        if loaded is None or module.partition(".")[0] in sys.stdlib_module_names:
            continue
        for name, value in sorted(vars(loaded).items()):
            if (module, name) in assigned:
                yield ModuleChange(module, name, value, filled=False)
            elif type(value) in (dict, list, set) and not _is_special(name) and _holds_definitions(value):
                yield ModuleChange(module, name, value, filled=True)


def _holds_definitions(container: Any) -> bool:
    elements = [*container, *container.values()] if isinstance(container, dict) else container
    return any(
        isinstance(element, (types.FunctionType, type)) and element.__module__ == "__main__" for element in elements
    )


def find_subclasses(classes: Iterable[object]) -> Iterator[type]:
    """Find the notebook's classes that inherit from some of its classes, and from those, the oldest first."""
    for cls in classes:
        if isinstance(cls, type) and cls.__module__ == "__main__":
            for inner in list[type](type.__subclasses__(cls)):
                if inner.__module__ == "__main__":
                    yield inner
                    yield from find_subclasses([inner])
