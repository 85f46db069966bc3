"""From what an entry returns to JSON, the same for a service's answers and for the golden calls."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from .describe import describe
from .plain import CannotEncode, plain
from .stacks import split

__all__ = ["CannotEncode", "describe", "encode", "encode_parts", "to_json"]

# A dataclass goes through `plain`, because orjson leaves out fields that begin with an underscore
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS
_ALIKE = "d?bhilqBHILQ"
"""Arrays whose elements are written as Python's own numbers are, which is quicker for few of them."""
_FEW = 64


def encode(value: object) -> bytes:
    """Write a value as JSON.

    NaN, NaT and NA become `null`, infinities `"Infinity"` and `"-Infinity"`. A `float32` is written with the digits
    that tell it apart from other `float32` values: `np.float32(0.1)` is `0.1`, not `0.10000000149011612`.

    Raises
    ------
    CannotEncode
        Naming the place in the value, its type and what to return instead.

    """
    try:
        data = orjson.dumps(value, _convert, _OPTIONS)
    except orjson.JSONEncodeError:
        # a key that is not text, an integer of more than 64 bits, a type that is refused: look closer
        return _encode_plain(value)
    # orjson writes infinities as null too, so a null needs a closer look
    return data if b"null" not in data else _encode_plain(value)


def _convert(value: Any) -> Any:
    """Convert what orjson does not know; what can be read only once waits for `plain`."""
    if isinstance(value, float):
        return float(value)
    if hasattr(value, "__next__"):
        raise TypeError
    if type(value).__module__ == "numpy" and _is_direct(value):
        if value.size <= _FEW and value.dtype.char in _ALIKE:
            return value.tolist()
        return orjson.Fragment(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))
    return plain(value)


def _is_direct(value: Any) -> bool:
    """Tell whether orjson writes a NumPy array exactly as `plain` would."""
    if value.ndim == 0 or not value.flags.c_contiguous or value.dtype.byteorder == ">":
        return False
    return value.dtype.kind in "iub" or (value.dtype.kind == "f" and value.itemsize <= 8)


def _encode_plain(value: object) -> bytes:
    try:
        converted = plain(value)
        try:
            return orjson.dumps(converted)
        except orjson.JSONEncodeError:
            # integers of more than 64 bits, and lone surrogates in text
            return json.dumps(converted, separators=(",", ":")).encode()
    except RecursionError:
        raise CannotEncode(
            "", "nested too deeply, or contains itself", "return a flat structure of lists and dictionaries"
        ) from None


def encode_parts(value: Any, sizes: Sequence[int]) -> Iterator[bytes]:
    """Write so many of the elements of a list, an array, a series or a frame each as JSON of its own.

    Raises
    ------
    CannotEncode, NotRows
        When it cannot be written, or has not as many elements.

    """
    numpy = sys.modules.get("numpy")
    array = numpy is not None and type(value) is numpy.ndarray
    if array and value.ndim and value.dtype.char in _ALIKE:
        flat = value.ndim == 1
        value = value.tolist()
        if flat and sizes.count(1) == len(sizes) == len(value):
            # Written at once: neither numbers nor the names of infinities have a comma in them.
            return map(b"[%b]".__mod__, encode(value)[1:-1].split(b","))
    # A frame is converted as a whole, column by column; of parts of it each row would cost as much as all.
    return map(encode, split(value if array or type(value) is list else plain(value), sizes))


def to_json(value: object) -> Any:
    """Give what `encode` writes as parsed JSON, exact for integers of any size (raises `CannotEncode`)."""
    return json.loads(encode(value))
