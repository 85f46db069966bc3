"""What the type descriptions of the manifest mean to others: JSON schema and names for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .invalid import name_some
from .manifest import Entry, TypeSpec

_INFINITE: dict[str, Any] = {"type": "string", "enum": ["Infinity", "-Infinity"]}

_PLAIN: dict[str, tuple[str, dict[str, Any]]] = {
    "any": ("any JSON value", {}),
    "none": ("null", {"type": "null"}),
    "bool": ("true or false", {"type": "boolean"}),
    "int": ("an integer", {"type": "integer"}),
    "float": ("a number", {"type": "number"}),
    "str": ("text", {"type": "string"}),
    "bytes": ("bytes as base64", {"type": "string", "contentEncoding": "base64"}),
    "date": ("a date, YYYY-MM-DD", {"type": "string", "format": "date"}),
    "time": ("a time of the day, HH:MM:SS", {"type": "string", "format": "time"}),
    "timedelta": ("a duration in ISO 8601, P1DT2H", {"type": "string", "format": "duration"}),
    "decimal": ("a decimal number as text", {"type": ["string", "integer"], "format": "decimal"}),
    "uuid": ("a UUID", {"type": "string", "format": "uuid"}),
}


def spec_name(spec: TypeSpec) -> str:
    """Name a type for people, as in "expected … , found …": `an integer`, `a list of text`."""
    kind = spec["kind"]
    return _NAMES[kind](spec) if kind in _NAMES else _PLAIN[kind][0]


def dtype_name(dtype: str) -> str:
    """Name the elements of a NumPy or pandas dtype for people: `an integer (int64)`."""
    return f"{_PLAIN[dtype_kind(dtype)][0] if dtype_kind(dtype) in _PLAIN else 'a date and time'} ({dtype})"


def dtype_kind(dtype: str) -> str:
    """Say which plain kind carries the elements of a dtype; `any` if none does."""
    name = dtype.lower()
    for prefix, kind in (
        ("bool", "bool"),
        ("int", "int"),
        ("uint", "int"),
        ("float", "float"),
        ("double", "float"),
        ("bfloat", "float"),
        ("str", "str"),
        ("<u", "str"),
        ("large_string", "str"),
        ("datetime", "datetime"),
        ("timedelta", "timedelta"),
        ("period", "str"),
    ):
        if name.startswith(prefix):
            return kind
    return "any"


def _name_datetime(spec: TypeSpec) -> str:
    if "tz" not in spec:
        return "a date and time in ISO 8601"
    return f"a date and time in ISO 8601 {'with' if spec['tz'] else 'without'} a time zone"


def _name_array(spec: TypeSpec) -> str:
    sizes = " by ".join("any" if size < 0 else str(size) for size in spec["shape"])
    depth = "nested lists" if len(spec["shape"]) > 1 else "a list"
    return f"{depth} of {spec['dtype']} ({sizes})" if spec["shape"] else dtype_name(spec["dtype"])


def _name_object(spec: TypeSpec) -> str:
    return f"an object with {name_some(field['name'] for field in spec['fields'])}"


_NAMES: dict[str, Callable[[TypeSpec], str]] = {
    "float": lambda spec: "a number or null" if spec.get("nullable") else "a number",
    "datetime": _name_datetime,
    "optional": lambda spec: f"{spec_name(spec['of'])} or null",
    "union": lambda spec: " or ".join(spec_name(each) for each in spec["of"]),
    "literal": lambda spec: f"one of {name_some(map(repr, spec['values']), 8)}",
    "list": lambda spec: f"a list of {spec_name(spec['of'])}",
    "set": lambda spec: f"a list of {spec_name(spec['of'])}",
    "tuple": lambda spec: f"a list of {len(spec['items'])}" if "items" in spec else f"a list of {spec_name(spec['of'])}",
    "dict": lambda spec: f"an object of {spec_name(spec['values'])}",
    "object": _name_object,
    "enum": lambda spec: f"one of {name_some(map(repr, spec['values'].values()), 8)}",
    "scalar": lambda spec: dtype_name(spec["dtype"]),
    "array": _name_array,
    "tensor": _name_array,
    "series": lambda spec: f"a list of {spec['column']['dtype']}",
    "frame": lambda spec: f"a list of records with the columns {name_some(c['name'] for c in spec['columns'])}",
}


def json_schema(spec: TypeSpec) -> dict[str, Any]:
    """Give the JSON schema (2020-12, the one of OpenAPI 3.1) of a type's JSON."""
    kind = spec["kind"]
    return dict(_PLAIN[kind][1]) if kind in _PLAIN else {}


def parameters_schema(entry: Entry) -> dict[str, Any]:
    """Give the JSON schema of an entry's request: an object of its arguments."""
    properties = {}
    for parameter in entry.parameters:
        schema = json_schema(parameter.type)
        if not parameter.required and parameter.default is not None:
            schema["default"] = parameter.default
        properties[parameter.name] = schema
    return {
        "type": "object",
        "properties": properties,
        "required": [parameter.name for parameter in entry.parameters if parameter.required],
        "additionalProperties": False,
    }
