"""From the JSON of a request to the arguments of an entry: exactly what the notebook would have passed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from . import arrays, containers, frames, polars_tables, scalars
from .containers import FindClass
from .invalid import InvalidInput, name_found, name_some, name_unknown
from .manifest import Entry, TypeSpec
from .scalars import Decoder

__all__ = ["Decoder", "InvalidInput", "compile_decoder", "compile_type_decoder", "find_class"]

_SINGLE: dict[str, Callable[[TypeSpec], Decoder]] = {
    "any": scalars.compile_any,
    "none": scalars.compile_none,
    "bool": scalars.compile_exact,
    "int": scalars.compile_exact,
    "str": scalars.compile_exact,
    "float": scalars.compile_float,
    "bytes": scalars.compile_bytes,
    "date": scalars.compile_date,
    "datetime": scalars.compile_datetime,
    "time": scalars.compile_time,
    "timedelta": scalars.compile_timedelta,
    "decimal": scalars.compile_decimal,
    "uuid": scalars.compile_uuid,
}
_NESTED: dict[str, Callable[[TypeSpec, arrays.Compile], Decoder]] = {
    "optional": containers.compile_optional,
    "union": containers.compile_union,
    "literal": containers.compile_literal,
    "list": containers.compile_list,
    "set": containers.compile_set,
    "tuple": containers.compile_tuple,
    "dict": containers.compile_dict,
    "scalar": arrays.compile_scalar,
    "array": arrays.compile_array,
    "tensor": arrays.compile_tensor,
    "series": frames.compile_series,
    "frame": frames.compile_frame,
    "polars_frame": polars_tables.compile_polars_frame,
    "polars_series": polars_tables.compile_polars_series,
}
_OF_CLASS: dict[str, Callable[[TypeSpec, arrays.Compile, FindClass], Decoder]] = {
    "enum": containers.compile_enum,
    "object": containers.compile_object,
}

_MISSING = object()


def find_class(path: str) -> Any:
    """Import the class that `module:qualname` names."""
    module, _, qualname = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name)
    return found


def compile_type_decoder(spec: TypeSpec, find_class: FindClass = find_class) -> Decoder:
    """Build the decoder of one type: from a JSON value and its field's path to the Python value.

    The decoder raises `InvalidInput` and nothing else. `find_class` resolves the `class` of objects and enums.
    """
    kind = spec["kind"]
    if kind in _SINGLE:
        return _SINGLE[kind](spec)

    def compile_inner(inner: TypeSpec) -> Decoder:
        return compile_type_decoder(inner, find_class)

    if kind in _NESTED:
        return _NESTED[kind](spec, compile_inner)
    return _OF_CLASS[kind](spec, compile_inner, find_class)


def compile_decoder(entry: Entry, find_class: FindClass = find_class) -> Callable[[object], dict[str, Any]]:
    """Build the decoder of an entry's requests, once: from a parsed JSON object to keyword arguments.

    The decoder raises `InvalidInput` and nothing else.
    """
    parameters = [
        (parameter.name, parameter.required, compile_type_decoder(parameter.type, find_class))
        for parameter in entry.parameters
    ]
    names = [name for name, _, _ in parameters]

    def decode(request: object) -> dict[str, Any]:
        if type(request) is not dict:
            raise InvalidInput("", f"an object with the arguments {name_some(names)}", name_found(request))
        arguments: dict[str, Any] = {}
        for name, required, decode_value in parameters:
            value = request.get(name, _MISSING)
            if value is not _MISSING:
                arguments[name] = decode_value(value, name)
            elif required:
                raise _refuse_names(request, names, name)
        if len(arguments) != len(request):
            raise _refuse_names(request, names)
        return arguments

    return decode


def _refuse_names(request: dict[str, object], names: list[str], missing: str = "") -> InvalidInput:
    """Name an unknown argument, which is often what is missing under another name, or else the missing one."""
    for name in request:
        if name not in names:
            expected = f"the arguments {name_some(names, 12)}" if names else "no arguments"
            return InvalidInput(name, expected, name_unknown(name, names))
    return InvalidInput(missing, "a value: the argument is required", "nothing")
