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


def _name_tuple(spec: TypeSpec) -> str:
    return f"a list of {len(spec['items']) if 'items' in spec else spec_name(spec['of'])}"


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
    "tuple": _name_tuple,
    "dict": lambda spec: f"an object of {spec_name(spec['values'])}",
    "object": _name_object,
    "enum": lambda spec: f"one of {name_some(map(repr, spec['values'].values()), 8)}",
    "scalar": lambda spec: dtype_name(spec["dtype"]),
    "array": _name_array,
    "tensor": _name_array,
    "series": lambda spec: f"a list of {spec['column']['dtype']}",
    "polars_series": lambda spec: f"a list of {spec['column']['dtype']}",
    "polars_frame": lambda spec: f"a list of records with the columns {name_some(c['name'] for c in spec['columns'])}",
    "frame": lambda spec: f"a list of records with the columns {name_some(c['name'] for c in spec['columns'])}",
}


def index_key(spec: TypeSpec) -> str | None:
    """Give the key under which a frame's records carry its index, or None if they cannot or need not."""
    index = spec.get("index")
    if index is None:
        return None
    key = "index" if index["name"] is None else str(index["name"])
    return None if key in {str(column["name"]) for column in spec["columns"]} else key


def is_split(spec: TypeSpec, value: dict[str, Any]) -> bool:
    """Tell whether the JSON of a frame is in the form `{"columns": …, "data": …, "index": …?}`."""
    if not value.keys() <= {"columns", "data", "index"} or "columns" not in value or "data" not in value:
        return False
    return not {"columns", "data"} <= {str(column["name"]) for column in spec["columns"]}


def json_schema(spec: TypeSpec) -> dict[str, Any]:
    """Give the JSON schema (2020-12, the one of OpenAPI 3.1) of a type's JSON."""
    kind = spec["kind"]
    if kind in _SCHEMAS:
        return _SCHEMAS[kind](spec)
    return dict(_PLAIN[kind][1])


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


def _or_null(schema: dict[str, Any], nullable: object) -> dict[str, Any]:
    """Admit `null` as well, in the shortest way."""
    if not nullable or not schema:
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _number_schema(nullable: object) -> dict[str, Any]:
    return _or_null({"anyOf": [{"type": "number"}, _INFINITE]}, nullable)


def _element_schema(element: TypeSpec) -> dict[str, Any]:
    """Describe one element of an array or a column."""
    nullable = element.get("nullable")
    if element["dtype"] == "object":
        return _or_null(json_schema(element.get("of") or {"kind": "any"}), nullable)
    if element["dtype"] == "category":
        return {"enum": [*element["categories"], *([None] if nullable else [])]}
    kind = dtype_kind(element["dtype"])
    if kind == "float":
        return _number_schema(nullable)
    schema = {"type": "string", "format": "date-time"} if kind == "datetime" else dict(_PLAIN[kind][1])
    return _or_null(schema | _bounds(element["dtype"]), nullable)


def _bounds(dtype: str) -> dict[str, Any]:
    """Give the least and the greatest integer that a dtype holds."""
    name = dtype.lower().removesuffix("[pyarrow]")
    bits = name.removeprefix("u").removeprefix("int")
    if dtype_kind(dtype) != "int" or not bits.isdigit():
        return {}
    signed = not name.startswith("u")
    most = 2 ** (int(bits) - signed) - 1
    return {"minimum": -most - 1 if signed else 0, "maximum": most}


def _array_schema(spec: TypeSpec) -> dict[str, Any]:
    schema = _element_schema(spec)
    for size in reversed(spec["shape"]):
        schema = {"type": "array", "items": schema}
        if size >= 0:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def _tuple_schema(spec: TypeSpec) -> dict[str, Any]:
    if "items" not in spec:
        return _list_schema(spec)
    items = [json_schema(item) for item in spec["items"]]
    size = {"minItems": len(items), "maxItems": len(items)}
    return {"type": "array", **({"prefixItems": items} if items else {}), **size}


def _list_schema(spec: TypeSpec) -> dict[str, Any]:
    return {"type": "array", "items": json_schema(spec["of"])}


def _object_schema(spec: TypeSpec) -> dict[str, Any]:
    return {
        "type": "object",
        "title": spec["class"].rpartition(":")[2],
        "properties": {field["name"]: json_schema(field["type"]) for field in spec["fields"]},
        "required": [field["name"] for field in spec["fields"] if field["required"]],
        "additionalProperties": False,
    }


def _series_schema(spec: TypeSpec) -> dict[str, Any]:
    element = _element_schema(spec["column"])
    values: dict[str, Any] = {"type": "array", "items": element}
    if spec.get("labels"):
        names = [str(label) for label in spec["labels"]]
        values |= {"minItems": len(names), "maxItems": len(names)}
        record = {"type": "object", "properties": dict.fromkeys(names, element), "required": names}
        return {"anyOf": [values, record | {"additionalProperties": False}]}
    if spec.get("index"):
        index = {"type": "array", "items": _element_schema(spec["index"])}
        split = {"type": "object", "properties": {"index": index, "data": values}, "required": ["index", "data"]}
        return {"anyOf": [values, split | {"additionalProperties": False}]}
    return values


def _frame_schema(spec: TypeSpec) -> dict[str, Any]:
    columns = {str(column["name"]): _element_schema(column) for column in spec["columns"]}
    names = list(columns)
    key = index_key(spec)
    if key is not None:
        columns[key] = _element_schema(spec["index"])
        if spec["index"].get("required"):
            names.append(key)
    closed = {"type": "object", "required": names, "additionalProperties": False}
    records = {"type": "array", "items": {"properties": columns} | closed}
    lists = {name: {"type": "array", "items": element} for name, element in columns.items()}
    split = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"enum": [column["name"] for column in spec["columns"]]}},
            "data": {"type": "array", "items": {"type": "array"}},
            "index": {"type": "array"},
        },
        "required": ["columns", "data"],
        "additionalProperties": False,
    }
    return {"anyOf": [records, split, {"properties": lists} | closed]}


def _polars_frame_schema(spec: TypeSpec) -> dict[str, Any]:
    columns = {column["name"]: _polars_element_schema(column) for column in spec["columns"]}
    closed = {"type": "object", "required": list(columns), "additionalProperties": False}
    return {"type": "array", "items": {"properties": columns} | closed}


def _polars_element_schema(column: TypeSpec) -> dict[str, Any]:
    return _or_null(json_schema(column["of"]), column.get("nullable"))


_SCHEMAS: dict[str, Callable[[TypeSpec], dict[str, Any]]] = {
    "float": lambda spec: _number_schema(spec.get("nullable")),
    "datetime": lambda _spec: {"type": "string", "format": "date-time"},
    "optional": lambda spec: _or_null(json_schema(spec["of"]), nullable=True),
    "union": lambda spec: {"anyOf": [json_schema(each) for each in spec["of"]]},
    "literal": lambda spec: {"enum": spec["values"]},
    "enum": lambda spec: {"enum": list(spec["values"].values()), "title": spec["class"].rpartition(":")[2]},
    "list": _list_schema,
    "set": _list_schema,
    "tuple": _tuple_schema,
    "dict": lambda spec: {"type": "object", "additionalProperties": json_schema(spec["values"])},
    "object": _object_schema,
    "scalar": _element_schema,
    "array": _array_schema,
    "tensor": _array_schema,
    "series": _series_schema,
    "frame": _frame_schema,
    "polars_series": lambda spec: {"type": "array", "items": _polars_element_schema(spec["column"])},
    "polars_frame": _polars_frame_schema,
}
