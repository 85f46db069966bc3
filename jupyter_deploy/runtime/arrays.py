"""Decoders of NumPy scalars, arrays and PyTorch tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from .blocks import read_floats
from .instants import NANOSECONDS, parse_duration, parse_instants
from .invalid import InvalidInput, name_found
from .manifest import TypeSpec
from .scalars import INFINITIES, Decoder
from .types import dtype_name, spec_name

Compile = Callable[[TypeSpec], Decoder]
"""Builds the decoder of an inner type."""

Convert = Callable[[Sequence[object]], Any]
"""Turns the JSON values of one dtype into a flat array; raises one of `FAILURES` for values that do not fit."""

FAILURES = (ValueError, ArithmeticError)

MISSING = {"None": None, "NaN": float("nan")}
"""What `null` stands for among Python objects, by the `missing` of their description."""


def compile_elements(spec: TypeSpec, compile_: Compile) -> Convert:
    """Build the conversion of flat values to an array of the `dtype` of an array, a scalar or a column.

    `nullable` lets `null` be NaN or NaT; for dtype `object`, `of` describes the elements and `missing` what `null` is.
    """
    import numpy as np

    if spec["dtype"] == "object":
        return _compile_objects(spec, compile_)
    dtype = np.dtype(spec["dtype"])
    nullable = bool(spec.get("nullable"))
    if dtype.kind == "f":
        return _compile_floats(dtype, nullable)
    if dtype.kind in "iu":
        return _compile_integers(dtype)
    if dtype.kind == "M":
        unit = spec["dtype"].partition("[")[2].rstrip("]")
        return lambda values: parse_instants(_admit(values, _texts(nullable)), unit, aware=False)
    if dtype.kind == "m":
        return _compile_durations(dtype, nullable)
    if dtype.kind == "U":
        return lambda values: np.array(_admit(values, {str}), "U")
    return lambda values: np.array(_admit(values, {bool}), bool)


def _admit(values: Sequence[Any], kinds: set[type]) -> Sequence[Any]:
    """Let values through whose Python types are among some: NumPy would read `"1"` and `true` as numbers."""
    found = set(map(type, values)) - kinds
    if found:
        raise ValueError(f"unexpected {found}")
    return values


def _texts(nullable: bool) -> set[type]:
    return {str, type(None)} if nullable else {str}


def _compile_floats(dtype: Any, nullable: bool) -> Convert:
    import numpy as np

    kinds = {float, int, type(None)} if nullable else {float, int}
    narrow = dtype.itemsize < 8

    def convert(values: Sequence[Any]) -> Any:
        found = set(map(type, values))
        if not found <= kinds:
            # a KeyError would be a text that is not an infinity
            if found - kinds - {str} or not {each for each in values if type(each) is str} <= INFINITIES.keys():
                raise ValueError(f"unexpected {found}")
            values = [INFINITIES[each] if type(each) is str else each for each in values]
        if not narrow:
            return np.array(values, dtype)
        with np.errstate(over="raise"):
            return np.array(values, np.float64).astype(dtype)

    return convert


def _compile_integers(dtype: Any) -> Convert:
    import numpy as np

    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    def convert(values: Sequence[Any]) -> Any:
        _admit(values, {int})
        # NumPy 1 wraps what a small dtype cannot hold
        if values and (min(values) < least or max(values) > most):
            raise ValueError(f"an integer does not fit {dtype}")
        return np.array(values, dtype)

    return convert


def _compile_durations(dtype: Any, nullable: bool) -> Convert:
    import numpy as np

    unit, count = np.datetime_data(dtype)
    factor = NANOSECONDS[unit] * count

    def convert(values: Sequence[Any]) -> Any:
        _admit(values, _texts(nullable))
        counts = [None if text is None else divmod(parse_duration(text), factor) for text in values]
        if any(each is not None and (each[1] or abs(each[0]) >= 2**63) for each in counts):
            raise ValueError(f"a duration does not fit {dtype}")
        missing = np.datetime64("NaT").astype("int64")
        return np.array([missing if each is None else each[0] for each in counts], "int64").view(dtype)

    return convert


def _compile_objects(spec: TypeSpec, compile_: Compile) -> Convert:
    import numpy as np

    decode = compile_(spec.get("of") or {"kind": "any"})
    nullable = bool(spec.get("nullable"))
    missing = spec.get("missing", "None")

    def convert(values: Sequence[Any]) -> Any:
        objects = np.empty(len(values), object)
        absent = MISSING[missing] if missing in MISSING else _pandas_missing(missing)
        for position, value in enumerate(values):
            objects[position] = absent if value is None and nullable else decode(value, "")
        return objects

    return convert


def _pandas_missing(name: str) -> Any:
    import pandas as pd

    return getattr(pd, name)


def refuse_element(
    convert: Convert, values: Sequence[object], locate: Callable[[int], str], expected: str
) -> InvalidInput:
    """Find the value that made a conversion fail, and say so."""
    for position, value in enumerate(values):
        try:
            convert([value])
        except InvalidInput as error:
            return InvalidInput(f"{locate(position)}{error.field}", error.expected, error.found)
        except FAILURES:
            return InvalidInput(locate(position), expected, name_found(value))
    return InvalidInput(locate(0), expected, "values that do not fit together")


def element_name(spec: TypeSpec) -> str:
    """Name one element of an array or a column for people."""
    name = spec_name(spec["of"]) if spec["dtype"] == "object" and spec.get("of") else dtype_name(spec["dtype"])
    return f"{name} or null" if spec.get("nullable") else name


def compile_scalar(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take the JSON of a NumPy scalar."""
    convert = compile_elements(spec, compile_)
    expected = element_name(spec)

    def decode(value: object, field: str) -> Any:
        try:
            return convert((value,))[0]
        except FAILURES as error:
            raise InvalidInput(field, expected, name_found(value)) from error

    return decode


def compile_array(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take nested lists for an array of the captured dtype and number of dimensions."""
    convert = compile_elements(spec, compile_)
    if len(spec["shape"]) == 1:
        return _compile_flat(spec, convert)
    decode = _compile_nested(spec, convert)
    return _lay_by_columns(decode) if spec.get("order") == "F" else decode


def _lay_by_columns(decode: Decoder) -> Decoder:
    def decode_by_columns(value: object, field: str) -> Any:
        return decode(value, field).copy(order="F")

    return decode_by_columns


def _compile_flat(spec: TypeSpec, convert: Convert) -> Decoder:
    size = spec["shape"][0]
    expected, element = spec_name(spec), element_name(spec)

    def decode(value: object, field: str) -> Any:
        if type(value) is not list or (size >= 0 and len(value) != size):
            raise InvalidInput(field, expected, name_found(value))
        try:
            return convert(value)
        except FAILURES as error:
            raise refuse_element(convert, value, lambda position: f"{field}[{position}]", element) from error

    return decode


def _compile_nested(spec: TypeSpec, convert: Convert) -> Decoder:
    shape: list[int] = spec["shape"]
    expected, element = spec_name(spec), element_name(spec)
    plain = len(shape) == 2 and spec["dtype"] == "float64"

    def decode(value: object, field: str) -> Any:
        found = read_floats(value, *shape) if plain else None
        if found is not None:
            return found
        level: list[Any] = [value]
        sizes: list[int] = []
        for size in shape:
            size = len(level[0]) if size < 0 and level and type(level[0]) is list else max(size, 0)
            if any(type(part) is not list or len(part) != size for part in level):
                bad = next(n for n, part in enumerate(level) if type(part) is not list or len(part) != size)
                raise InvalidInput(field + _steps(bad, sizes), expected, name_found(level[bad]))
            level = list(chain.from_iterable(level))
            sizes.append(size)
        try:
            return convert(level).reshape(sizes)
        except FAILURES as error:
            raise refuse_element(convert, level, lambda bad: field + _steps(bad, sizes), element) from error

    return decode


def _steps(position: int, sizes: Sequence[int]) -> str:
    """Write the flat position in nested lists of some sizes as `[2][0]`."""
    steps = ""
    for size in reversed(sizes):
        position, step = divmod(position, size)
        steps = f"[{step}]{steps}"
    return steps


def compile_tensor(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take nested lists for a tensor, on the CPU."""
    import torch

    dtype = getattr(torch, spec["dtype"])
    # NumPy has no bfloat16
    through = "float32" if spec["dtype"] == "bfloat16" else spec["dtype"]
    decode_array = compile_array({**spec, "dtype": through}, compile_)
    return lambda value, field: torch.from_numpy(decode_array(value, field)).to(dtype)
