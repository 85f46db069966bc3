"""The type of an argument from its annotation, made exact by the values passed in the notebook."""

from __future__ import annotations

import collections.abc
import datetime as dt
import decimal
import enum
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Union

from jupyter_deploy.capture.objects import enum_spec, object_kind, object_spec
from jupyter_deploy.capture.observed import ANY, CannotTravel, join, make_optional, observe
from jupyter_deploy.runtime.encode import to_json
from jupyter_deploy.runtime.manifest import TypeSpec

_PLAIN: dict[Any, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    dt.date: "date",
    dt.datetime: "datetime",
    dt.time: "time",
    dt.timedelta: "timedelta",
    decimal.Decimal: "decimal",
    uuid.UUID: "uuid",
}
_LISTS = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)


def function_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Give the resolved annotations of a function; those that cannot be resolved are left out."""
    return _resolve(function, getattr(inspect.unwrap(function), "__globals__", {}))


def class_hints(kind: type) -> dict[str, Any]:
    """Give the resolved annotations of a class's fields; those that cannot be resolved are left out."""
    module = inspect.getmodule(kind)
    return _resolve(kind, vars(module) if module is not None else {})


def _resolve(owner: Any, names: dict[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation may hold any expression: what it means is then seen in the values
        hints = {}
        for name, annotation in getattr(owner, "__annotations__", {}).items():
            try:
                hints[name] = eval(annotation, names) if isinstance(annotation, str) else annotation  # noqa: S307 - as above
            except Exception:  # noqa: BLE001, S112 - as above
                continue
        return hints


def infer(annotation: Any, values: Sequence[Any], seen: frozenset[type] = frozenset()) -> TypeSpec:
    """Describe an argument; the values decide where they say more than the annotation, or contradict it.

    `seen` holds the classes that contain this field, for those that contain themselves.

    Raises
    ------
    CannotTravel
        When a value cannot be rebuilt from JSON.

    """
    annotation = _strip(annotation)
    union = typing.get_origin(annotation) in (Union, types.UnionType)
    members = typing.get_args(annotation) if union else (annotation,)
    present = [value for value in values if value is not None]
    kept = [member for member in members if member not in (None, type(None))]
    if not kept:
        return observe(values) if present else {"kind": "none"}
    spec = _infer_members(kept, present, seen)
    return make_optional(spec) if len(kept) < len(members) or len(present) < len(values) else spec


def _strip(annotation: Any) -> Any:
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__") and type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation


def _infer_members(members: Sequence[Any], values: list[Any], seen: frozenset[type]) -> TypeSpec:
    specs, rest = [], list(values)
    for member in map(_strip, members):
        fitting = [value for value in rest if _fits(member, value)]
        rest = [value for value in rest if not _fits(member, value)]
        specs.append(_infer_one(member, fitting, seen))
    # what no annotation foresaw was passed all the same
    known = [spec for spec in specs if spec != ANY] if rest and len(members) == 1 else specs
    if rest and len(members) == 1 and len(rest) == len(values):
        return observe(rest)
    return join([*known, *([observe(rest)] if rest else [])])


def _fits(annotation: Any, value: Any) -> bool:
    """Tell whether a value is what an annotation says: an integer is a float there, but `true` is not an integer."""
    kind = typing.get_origin(annotation) or annotation
    if kind is Literal:
        return any(type(value) is type(each) and value == each for each in typing.get_args(annotation))
    if kind is float:
        return type(value) in (float, int)
    if kind in _PLAIN:
        return type(value) is kind
    if object_kind(kind) == "typeddict":
        return isinstance(value, dict)
    if kind in _LISTS or kind in (collections.abc.Iterator, collections.abc.Generator):
        return type(value) is list
    return isinstance(value, kind) if _is_class(kind) else True


def _infer_one(annotation: Any, values: list[Any], seen: frozenset[type]) -> TypeSpec:
    """Describe one annotation, neither a union nor None, by values that fit it."""
    kind = typing.get_origin(annotation) or annotation
    arguments = typing.get_args(annotation)
    if kind is Literal:
        return _infer_literal(arguments, values)
    if kind in _PLAIN:
        if kind is float and any(type(value) is int for value in values):
            return join([{"kind": "int"}, {"kind": "float"}, observe(values)])
        return observe(values) if values else {"kind": _PLAIN[kind]}
    if kind in _LISTS:
        return {"kind": "list", "of": _infer_elements(arguments, values, seen)}
    if kind in _SETS and {type(value) for value in values} <= {set, frozenset}:
        frozen = {"frozen": True} if kind is frozenset else {}
        return {"kind": "set", "of": _infer_elements(arguments, values, seen), **frozen}
    if kind in _DICTS and {type(value) for value in values} <= {dict}:
        return _infer_dict(arguments, values, seen)
    if kind is tuple and arguments and {type(value) for value in values} <= {tuple}:
        return _infer_tuple(arguments, values, seen)
    return _infer_class(kind, values, seen) if _is_class(kind) else _infer_any(values)


def _is_class(kind: Any) -> bool:
    """Tell whether an annotation is a class that says something; `Any` is a class since Python 3.11."""
    return isinstance(kind, type) and kind not in (Any, object)


def _infer_any(values: list[Any]) -> TypeSpec:
    """Describe what an annotation leaves open: JSON passes through, unless something else was passed."""
    spec = observe(values)
    return ANY if _is_json(spec) else spec


def _is_json(spec: TypeSpec) -> bool:
    if spec["kind"] in ("any", "none", "bool", "int", "str"):
        return True
    if spec["kind"] == "float":
        return not spec.get("nullable")
    if spec["kind"] == "union":
        return all(map(_is_json, spec["of"]))
    inner = {"list": "of", "optional": "of", "dict": "values"}.get(spec["kind"])
    return inner is not None and "keys" not in spec and _is_json(spec[inner])


def _infer_elements(arguments: Sequence[Any], values: list[Any], seen: frozenset[type]) -> TypeSpec:
    elements = [each for value in values for each in value]
    return infer(arguments[0], elements, seen) if arguments else observe(elements)


def _infer_literal(arguments: Sequence[Any], values: list[Any]) -> TypeSpec:
    if any(isinstance(each, (enum.Enum, bytes)) for each in arguments):
        return observe(values)
    literal: TypeSpec = {"kind": "literal", "values": [each for each in arguments if each is not None]}
    return make_optional(literal) if None in arguments else literal


def _infer_dict(arguments: Sequence[Any], values: list[Any], seen: frozenset[type]) -> TypeSpec:
    if not arguments:
        return observe(values) if values else {"kind": "dict", "values": ANY}
    keys = infer(arguments[0], [key for value in values for key in value], seen)
    elements = [each for value in values for each in value.values()]
    spec: TypeSpec = {"kind": "dict", "values": infer(arguments[1], elements, seen)}
    return spec if keys["kind"] in ("str", "any") else {**spec, "keys": keys}


def _infer_tuple(arguments: Sequence[Any], values: list[Any], seen: frozenset[type]) -> TypeSpec:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"kind": "tuple", "of": _infer_elements(arguments[:1], values, seen)}
    if any(len(value) != len(arguments) for value in values):
        return observe(values)
    items = [infer(each, [value[n] for value in values], seen) for n, each in enumerate(arguments)]
    return {"kind": "tuple", "items": items}


def _infer_class(kind: type, values: list[Any], seen: frozenset[type]) -> TypeSpec:
    if kind in seen and not values:
        return ANY
    typed = object_kind(kind) == "typeddict"
    if object_kind(kind) is not None and (typed or all(type(value) is kind for value in values)):
        return object_spec(kind, values, seen)
    if issubclass(kind, enum.Enum):
        return enum_spec(kind)
    return observe(values)


def default_values(default: Any) -> list[Any]:
    """Give a parameter's default as a value that was seen, if JSON can carry it."""
    try:
        to_json(default)
        observe([default])
    except (TypeError, ValueError, CannotTravel):
        return []
    return [default]
