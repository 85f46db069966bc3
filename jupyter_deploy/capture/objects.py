"""The types of objects with named fields, and of enumerations."""

from __future__ import annotations

import dataclasses
import enum
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jupyter_deploy.capture.observed import CannotTravel
from jupyter_deploy.runtime.encode import to_json
from jupyter_deploy.runtime.manifest import TypeSpec


def class_path(kind: type) -> str:
    """Name a class as the service finds it: `module:qualname`; those of the notebook live in `service`."""
    if "<locals>" in kind.__qualname__:
        raise CannotTravel(f"a {kind.__qualname__}, a class of a function", "define the class in a cell")
    return f"{'service' if kind.__module__ == '__main__' else kind.__module__}:{kind.__qualname__}"


def is_object(kind: Any) -> bool:
    """Tell whether a class has named fields that JSON can carry."""
    return object_kind(kind) is not None


def object_kind(kind: Any) -> str | None:
    """Say what kind of class with named fields it is."""
    if not isinstance(kind, type):
        return None
    if typing.is_typeddict(kind):
        return "typeddict"
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return "namedtuple"
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(kind, pydantic.BaseModel):
        return "pydantic"
    if hasattr(kind, "__attrs_attrs__"):
        return "attrs"
    return "dataclass" if dataclasses.is_dataclass(kind) else None


def object_spec(kind: Any, values: Sequence[Any], seen: frozenset[type] = frozenset()) -> TypeSpec:
    """Describe a class by its annotations and by the values seen in its fields (raises `CannotTravel`)."""
    of = object_kind(kind)
    fields = _FIELDS[str(of)](kind)
    from jupyter_deploy.capture.annotations import class_hints, infer

    hints = class_hints(kind)
    described = []
    for field in fields:
        name = field.pop("attribute", field["name"])
        passed = [_read(value, name) for value in values if not isinstance(value, Mapping) or name in value]
        described.append({**field, "type": infer(hints.get(name, Any), passed, seen | {kind})})
    return {"kind": "object", "class": class_path(kind), "of": of, "fields": described}


def _read(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, Mapping) else getattr(value, name)


def _dataclass_fields(kind: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": field.name,
            "required": field.init and field.default is field.default_factory is dataclasses.MISSING,
            **({} if field.init else {"init": False}),
        }
        for field in dataclasses.fields(kind)
    ]


def _namedtuple_fields(kind: Any) -> list[dict[str, Any]]:
    return [{"name": name, "required": name not in kind._field_defaults} for name in kind._fields]


def _typeddict_fields(kind: Any) -> list[dict[str, Any]]:
    return [{"name": name, "required": name in kind.__required_keys__} for name in kind.__annotations__]


def _pydantic_fields(kind: Any) -> list[dict[str, Any]]:
    return [
        {"name": field.serialization_alias or field.alias or name, "attribute": name, "required": field.is_required()}
        for name, field in kind.model_fields.items()
    ]


def _attrs_fields(kind: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": field.alias,
            "attribute": field.name,
            "required": field.init and repr(field.default) == "NOTHING",
            **({} if field.init else {"init": False}),
        }
        for field in kind.__attrs_attrs__
    ]


_FIELDS: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "attrs": _attrs_fields,
    "dataclass": _dataclass_fields,
    "namedtuple": _namedtuple_fields,
    "pydantic": _pydantic_fields,
    "typeddict": _typeddict_fields,
}


def enum_spec(kind: type[enum.Enum]) -> TypeSpec:
    """Describe an enumeration by its members."""
    values = {name: to_json(member.value) for name, member in kind.__members__.items()}
    return {"kind": "enum", "class": class_path(kind), "values": values}
