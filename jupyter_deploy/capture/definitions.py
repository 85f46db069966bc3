"""Functions and classes of the notebook as source for the slice."""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_deploy.capture.bindings import Binding
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.references import References, changed_in_place, references_of
from jupyter_deploy.capture.sources import (
    Source,
    find_class,
    find_function,
    nonlocal_names,
    quote_annotations,
    without_nonlocal,
)
from jupyter_deploy.errors import CaptureError


@dataclass(frozen=True)
class Draft:
    """Source that binds a name, before its references are followed."""

    text: str
    cell: ExecutedCell | None
    line: int
    references: References
    supplied: frozenset[str] = frozenset()
    """Names in the source that are not globals: the free variables of a factory."""
    values: dict[str, object] = field(default_factory=dict)
    """Objects that have no global name and must be defined before, under the names given here."""
    changes: frozenset[str] = frozenset()
    """Those of `values` that calls change."""
    rebound: frozenset[str] = frozenset()
    """Those of them that calls assign anew."""
    future: bool = False
    """The source relies on `from __future__ import annotations`."""


def draft_binding(value: object, binding: Binding, kernel: Kernel) -> Draft | None:
    """Use the `def` or `class` that bound the name last, decorators included, if the live object stems from it."""
    node = binding.statement
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    function = None
    if isinstance(value, type):
        found = find_class(value, kernel)
    else:
        function = inspect.unwrap(value) if callable(value) else None
        found = find_function(function, kernel) if isinstance(function, types.FunctionType) else None
    if found is not None and found.node is not node and not node.decorator_list:
        return None
    if found is None and not node.decorator_list:
        return None
    source = Source(binding.cell, node, found.flags if found is not None else 0)
    patches = ""
    values: dict[str, object] = {}
    if isinstance(value, type) and isinstance(node, ast.ClassDef):
        source, values = _with_live_bases(binding.name, value, source, kernel)
        patches, methods = _class_patch(binding.name, value, node)
        values |= methods
    elif isinstance(function, types.FunctionType) and found is not None and found.node is node:
        source, values = _with_live_defaults(binding.name, function, source, kernel)
        if hasattr(value, "registry") and hasattr(value, "dispatch"):
            patches, registered = _implementations(binding.name, value, function)
            values |= registered
    return Draft(
        source.text() + patches,
        source.cell,
        source.line,
        references_of(source.node, flags=source.flags),
        frozenset(values),
        values=values,
        future=bool(source.flags),
    )


def draft_function(name: str, function: types.FunctionType, kernel: Kernel) -> Draft:
    """Write a function under `name`: as it stands, or through a maker when it is a closure or goes by another name.

    Raises
    ------
    CaptureError
        When no executed cell holds its source.

    """
    source = find_function(function, kernel)
    if source is None:
        raise CaptureError(
            f"the source of {function.__qualname__} is in no executed cell",
            advice="define it with def or lambda in a cell, or in a .py file beside the notebook",
        )
    source, defaults = _with_live_defaults(name, function, source, kernel)
    if any(names_its_class(function, kind) for kind in function.__annotations__.values()):
        source = quote_annotations(source)
    node = source.node
    own = getattr(node, "name", None)
    free = {
        variable: cell.cell_contents
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        if cell.cell_contents is not function
    }
    values: dict[str, object] = {f"_{name.lstrip('_')}_{variable}": content for variable, content in free.items()}
    bare = without_nonlocal(node)
    rebound, in_place = nonlocal_names(node), changed_in_place(node) & free.keys()
    supplied = (
        frozenset(function.__code__.co_freevars) | frozenset(defaults) | ({own} if own and own != name else set())
    )
    return Draft(
        _write_function(name, source, values, free),
        source.cell,
        source.line,
        references_of(bare, flags=source.flags),
        supplied,
        values | defaults,
        future=bool(source.flags),
        changes=frozenset(f"_{name.lstrip('_')}_{variable}" for variable in rebound | in_place),
        rebound=frozenset(f"_{name.lstrip('_')}_{variable}" for variable in rebound),
    )


def _write_function(name: str, source: Source, values: dict[str, object], free: dict[str, object]) -> str:
    """Write a function or lambda under `name`; `free` has its free variables, `values` the same by other names."""
    text = source.text(decorated=False)
    if isinstance(source.node, ast.Lambda):
        made = f"lambda_ = ({text})" if "\n" in text else f"lambda_ = {text}"
        return _maker(name, "lambda_", made, values, free) if free else made.replace("lambda_", name, 1)
    own = getattr(source.node, "name", None)
    return text if own == name and not free else _maker(name, str(own), textwrap.dedent(text), values, free)


def draft_class(name: str, cls: type, kernel: Kernel) -> Draft | None:
    """Write a class under `name`; None when no executed cell holds a `class` statement for it."""
    source = find_class(cls, kernel)
    if source is None:
        return None
    if "<locals>" in cls.__qualname__:
        raise CaptureError(
            f"the class {cls.__qualname__} is made inside a function, so its source alone does not give it",
            where=source.cell.label,
            advice="define the class at the top of a cell",
        )
    source, bases = _with_live_bases(name, cls, source, kernel)
    assert isinstance(source.node, ast.ClassDef)
    patches, methods = _class_patch(name, cls, source.node)
    text = source.text() if cls.__name__ == name else _maker(name, cls.__name__, source.text(), {}, {})
    supplied = frozenset() if cls.__name__ == name else frozenset({cls.__name__})
    return Draft(
        text + patches,
        source.cell,
        source.line,
        references_of(source.node, flags=source.flags),
        supplied | bases.keys(),
        bases | methods,
        future=bool(source.flags),
    )


def names_its_class(function: object, kind: object) -> bool:
    """Tell whether an annotation of a function is the class that it became a method of, and that so needs it first."""
    if not isinstance(function, types.FunctionType) or not isinstance(kind, type):
        return False
    named = any(one is kind for one in function.__annotations__.values())
    return named and any(one is function for one in vars(kind).values())


def _maker(name: str, own: str, text: str, values: dict[str, object], free: dict[str, object]) -> str:
    """Wrap a definition in a function that supplies its free variables, so that no global is shadowed."""
    make = f"_make_{name.lstrip('_')}"
    return (
        f"def {make}({', '.join(free)}):\n{textwrap.indent(text, '    ')}\n    return {own}\n\n\n"
        f"{name} = {make}({', '.join(values)})"
    )


def _with_live_defaults(
    name: str, function: types.FunctionType, source: Source, kernel: Kernel
) -> tuple[Source, dict[str, object]]:
    """Write the defaults a function really has, where the names in its source mean something else by now."""
    defaults = function.__defaults__ or ()
    if isinstance(source.node, ast.ClassDef) or len(source.node.args.defaults) != len(defaults):
        return source, {}
    arguments = source.node.args
    written, values = _live_names(f"_{name.lstrip('_')}_default", arguments.defaults, defaults, kernel)
    if not values:
        return source, {}
    node = copy.copy(source.node)
    node.args = copy.copy(arguments)
    node.args.defaults = written
    return dataclasses.replace(source, node=node, rewritten=True), values


def _with_live_bases(name: str, cls: type, source: Source, kernel: Kernel) -> tuple[Source, dict[str, object]]:
    """Write the bases a class really has, where their names mean other classes by now, as in `class Model(Model)`."""
    bases = vars(cls).get("__orig_bases__", cls.__bases__)
    if not isinstance(source.node, ast.ClassDef) or len(source.node.bases) != len(bases):
        return source, {}
    written, values = _live_names(f"_{name.lstrip('_')}_base", source.node.bases, bases, kernel)
    if not values:
        return source, {}
    node = copy.copy(source.node)
    node.bases = written
    return dataclasses.replace(source, node=node, rewritten=True), values


def _live_names(
    prefix: str, expressions: Sequence[ast.expr], objects: Sequence[object], kernel: Kernel
) -> tuple[list[ast.expr], dict[str, object]]:
    """Put names of our own for those that mean something else than the objects that they gave; and those objects."""
    values: dict[str, object] = {}
    written: list[ast.expr] = []
    for index, (expression, value) in enumerate(zip(expressions, objects, strict=True)):
        meant = expression.id if isinstance(expression, ast.Name) else None
        if meant is not None and kernel.names.get(meant, getattr(builtins, meant, None)) is not value:
            values[f"{prefix}_{index}"] = value
            written.append(ast.copy_location(ast.Name(f"{prefix}_{index}", ast.Load()), expression))
        else:
            written.append(expression)
    return written, values


def _implementations(name: str, generic: Any, base: types.FunctionType) -> tuple[str, dict[str, object]]:
    """Repeat the registrations of a `functools.singledispatch` function, which its source does not show."""
    lines: list[str] = []
    values: dict[str, object] = {}
    for index, (cls, function) in enumerate(generic.registry.items()):
        if inspect.unwrap(function) is not base:
            values |= {f"_{name}_type_{index}": cls, f"_{name}_for_{index}": function}
            lines.append(f"\n{name}.register(_{name}_type_{index}, _{name}_for_{index})")
    return "".join(lines), values


def _class_patch(name: str, cls: type, node: ast.ClassDef) -> tuple[str, dict[str, object]]:
    """Repeat the methods that a class got after its definition."""
    lines: list[str] = []
    values: dict[str, object] = {}
    methods = {child.name for child in ast.walk(node) if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))}
    for attribute, value in sorted(vars(cls).items()):
        if (
            isinstance(value, types.FunctionType)
            and value.__module__ == "__main__"
            and attribute not in methods
            and value.__code__.co_filename != "<string>"
            and not attribute.startswith("__")
        ):
            values[f"_{name.lstrip('_')}_{attribute}"] = value
            lines.append(f"{name}.{attribute} = _{name.lstrip('_')}_{attribute}")
    return "".join(f"\n{line}" for line in lines), values
