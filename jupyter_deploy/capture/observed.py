"""The type of an argument as the values passed in the notebook show it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import sys
import uuid
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Any

from jupyter_deploy.runtime.manifest import TypeSpec
from jupyter_deploy.runtime.plain import class_name
from jupyter_deploy.runtime.scalars import timezone

ANY: TypeSpec = {"kind": "any"}

TAKE_DATA = "take numbers, text, lists, dictionaries, dataclasses, NumPy arrays or pandas frames instead"
"""The advice for what is no data at all."""

_PLAIN: dict[type, str] = {
    bool: "bool",
    int: "int",
    str: "str",
    bytes: "bytes",
    dt.date: "date",
    dt.time: "time",
    dt.timedelta: "timedelta",
    decimal.Decimal: "decimal",
    uuid.UUID: "uuid",
}

# Of the types that share a JSON shape, the one that refuses more comes first: a union takes the first that fits
_ORDER = (
    "none", "bool", "int", "scalar", "float", "uuid", "date", "datetime", "time", "timedelta", "enum", "literal",
    "decimal", "bytes", "str", "frame", "series", "polars_frame", "polars_series", "object", "array", "tensor", "tuple",
    "list", "set", "dict", "any",
)  # fmt: skip


class CannotTravel(TypeError):
    """A value has no JSON form from which a service could rebuild it.

    Parameters
    ----------
    found
        What it is.
    advice
        What to pass instead.

    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found)
        self.found = found
        self.advice = advice


def observe(values: Iterable[Any]) -> TypeSpec:
    """Describe the type that all of some values have; `any` if there are none.

    Raises
    ------
    CannotTravel
        When one of them cannot be rebuilt from JSON.

    """
    values = list(values)
    present = [value for value in values if value is not None]
    if not present:
        return {"kind": "none"} if values else ANY
    groups: dict[Hashable, tuple[Callable[[list[Any]], TypeSpec], list[Any]]] = {}
    for value in present:
        key, build = _classify(value)
        groups.setdefault(key, (build, []))[1].append(value)
    spec = join([build(group) for build, group in groups.values()])
    return make_optional(spec) if len(present) < len(values) else spec


def observe_argument(values: Iterable[Any]) -> TypeSpec:
    """Describe an argument that has no annotation: where the notebook passed only integers, any number may come."""
    return _admit_fractions(observe(values))


def _admit_fractions(spec: TypeSpec) -> TypeSpec:
    match spec:
        case {"kind": "int"}:
            return {"kind": "float", "integers": True}
        case {"kind": "union", "of": members}:
            return join([_admit_fractions(member) for member in members])
        case {"kind": "optional" | "list" | "set" | "tuple", "of": inner}:
            return {**spec, "of": _admit_fractions(inner)}
        case {"kind": "tuple", "items": items}:
            return {**spec, "items": [_admit_fractions(item) for item in items]}
        case {"kind": "dict", "values": values}:
            return {**spec, "values": _admit_fractions(values)}
    return spec


def join(specs: Sequence[TypeSpec]) -> TypeSpec:
    """Give the type that admits what each of some types admits; an integer among floats stays one."""
    unique: list[TypeSpec] = []
    for spec in chain.from_iterable(map(_members, specs)):
        unique += [spec] if spec not in unique else []
    if ANY in unique:
        return ANY
    if any(spec["kind"] == "optional" for spec in specs):
        return make_optional(join(unique))
    floats = [spec for spec in unique if spec["kind"] == "float"]
    if floats and len(floats) + ({"kind": "int"} in unique) > 1:
        merged: TypeSpec = {"kind": "float"}
        for spec in floats:
            merged |= spec
        if {"kind": "int"} in unique:
            merged["integers"] = True
        unique = [spec for spec in unique if spec["kind"] not in ("int", "float")] + [merged]
    unique.sort(key=lambda spec: (_ORDER.index(spec["kind"]), _dtype_order(spec)))
    return unique[0] if len(unique) == 1 else {"kind": "union", "of": unique}


def _members(spec: TypeSpec) -> list[TypeSpec]:
    """Give the types that a type consists of, for a union in a union is one union."""
    match spec:
        case {"kind": "optional", "of": inner}:
            return _members(inner)
        case {"kind": "union", "of": members}:
            return [one for member in members for one in _members(member)]
    return [spec]


def _dtype_order(spec: TypeSpec) -> tuple[int, str]:
    """Put integers before floats, which would take them too."""
    dtypes = [column["dtype"] for column in spec.get("columns", ())] or [str(spec.get("dtype", ""))]
    return sum("float" in dtype for dtype in dtypes), ",".join(dtypes)


def make_optional(spec: TypeSpec) -> TypeSpec:
    """Admit None as well."""
    return spec if spec["kind"] in ("optional", "any", "none") else {"kind": "optional", "of": spec}


def _classify(value: Any) -> tuple[Hashable, Callable[[list[Any]], TypeSpec]]:
    """Give the group that a value belongs to, and what describes such a group."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return kind, lambda group: {"kind": _PLAIN[type(group[0])]}
    if kind in _BUILDERS:
        return kind, _BUILDERS[kind]
    if isinstance(value, enum.Enum):
        from jupyter_deploy.capture.objects import enum_spec

        return kind, lambda group: enum_spec(type(group[0]))
    # Only what is loaded can have made the value
    if "numpy" in sys.modules:
        from jupyter_deploy.capture.tables import classify_table

        found = classify_table(value)
        if found is not None:
            return found
    if "polars" in sys.modules:
        from jupyter_deploy.capture.polars_tables import classify_polars

        found = classify_polars(value)
        if found is not None:
            return found
    from jupyter_deploy.capture.objects import is_object, object_spec

    if is_object(kind):
        return kind, lambda group: object_spec(type(group[0]), group)
    raise CannotTravel(f"of type {class_name(kind)}", _advise(value))


def _advise(value: Any) -> str:
    """Say what to take instead of a value that cannot travel."""
    if hasattr(value, "toarray"):
        return "take an array, and make the matrix of it in the function"
    if any(hasattr(value, name) for name in ("save", "savefig", "__fspath__")):
        return "take the bytes of a file, and open io.BytesIO(them) in the function"
    return TAKE_DATA


def _observe_floats(values: list[float]) -> TypeSpec:
    return {"kind": "float", **({"nullable": True} if any(math.isnan(value) for value in values) else {})}


def _observe_lists(values: list[Any]) -> TypeSpec:
    return {"kind": "list", "of": observe(each for value in values for each in value)}


def _observe_sets(values: list[Any]) -> TypeSpec:
    frozen = {"frozen": True} if type(values[0]) is frozenset else {}
    return {"kind": "set", "of": observe(each for value in values for each in value), **frozen}


def _observe_tuples(values: list[Any]) -> TypeSpec:
    if len({len(value) for value in values}) == 1 and len(values[0]) <= 16:
        return {"kind": "tuple", "items": [observe(place) for place in zip(*values, strict=True)]}
    return {"kind": "tuple", "of": observe(each for value in values for each in value)}


def _observe_dicts(values: list[Any]) -> TypeSpec:
    keys = observe(key for value in values for key in value)
    spec: TypeSpec = {"kind": "dict", "values": observe(each for value in values for each in value.values())}
    return spec if keys["kind"] in ("str", "any") else {**spec, "keys": keys}


def _observe_datetimes(values: list[dt.datetime]) -> TypeSpec:
    return {"kind": "datetime", **zone_keys(value.tzinfo for value in values)}


def zone_keys(zones: Iterable[dt.tzinfo | None]) -> dict[str, str | None]:
    """Give the `tz` of a datetime's description: none of it if the zones differ or have no name."""
    names = {None if zone is None else zone_name(zone) for zone in zones}
    return {"tz": names.pop()} if len(names) == 1 and "" not in names else {}


def zone_name(zone: dt.tzinfo) -> str:
    """Name a time zone so that the service finds it again; empty if it has no such name."""
    name = str(getattr(zone, "key", None) or getattr(zone, "zone", None) or zone)
    try:
        timezone(name)
    except (ValueError, KeyError, OSError):
        return ""
    return name


_BUILDERS: dict[type, Callable[[list[Any]], TypeSpec]] = {
    float: _observe_floats,
    list: _observe_lists,
    range: _observe_lists,
    tuple: _observe_tuples,
    set: _observe_sets,
    frozenset: _observe_sets,
    dict: _observe_dicts,
    dt.datetime: _observe_datetimes,
}
