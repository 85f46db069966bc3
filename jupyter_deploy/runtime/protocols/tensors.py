"""Tensors of the Open Inference Protocol: results as named tensors, and their binary form.

The binary form is the extension of Triton that its clients use by default: little-endian, row-major; BYTES elements
each behind their length as an unsigned 32-bit number.
"""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import orjson

from ..encode import to_json
from ..manifest import TypeSpec

FORMATS = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H", "UINT32": "I",
    "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}
"""The `struct` letter of each data type of fixed width."""

_DTYPES = {
    "bool": "BOOL", "boolean": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64",
    **{f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_KINDS = {"bool": "BOOL", "int": "INT64", "float": "FP64"}


class Tensor(NamedTuple):
    """A named tensor; `data` is flat, in JSON's own values."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class TensorError(ValueError):
    """Binary data that does not fit what the request says of it."""


def datatype_of(dtype: object) -> str:
    """Give the data type that carries a NumPy or pandas dtype; text and everything else is BYTES."""
    return _DTYPES.get(str(dtype).rpartition(".")[2].lower(), "BYTES")


def name_tensors(result: Any) -> list[Tensor]:
    """Give an entry's result as tensors: one a column of a table, one a key of an object, else one named `output`."""
    if hasattr(result, "dtypes") and hasattr(result, "columns"):
        return [_make_tensor(str(name), result[name]) for name in result.columns]
    plain = result if hasattr(result, "dtype") else to_json(result)
    if type(plain) is dict:
        values = result if type(result) is dict else plain
        return [_make_tensor(str(name), value) for name, value in values.items()]
    return [_make_tensor("output", result)]


def _make_tensor(name: str, value: Any) -> Tensor:
    plain = to_json(value)
    leaves: list[Any] = []
    shape = _flatten(plain, leaves) if isinstance(plain, list) else [1]
    if not isinstance(plain, list):
        leaves = [plain]
    datatype = datatype_of(value.dtype) if hasattr(value, "dtype") else _datatype_of_leaves(leaves)
    if shape is None or (datatype == "BYTES" and not all(type(leaf) is str for leaf in leaves)):
        # Ragged or mixed: no tensor, so each element travels as JSON text.
        elements = plain if isinstance(plain, list) else [plain]
        return Tensor(name, "BYTES", [len(elements)], [orjson.dumps(element).decode() for element in elements])
    return Tensor(name, datatype, shape, leaves)


def _flatten(nested: list[Any], leaves: list[Any]) -> list[int] | None:
    """Append the leaves in row-major order; gives the shape, or None when the lists are ragged."""
    if not any(isinstance(item, list) for item in nested):
        leaves += nested
        return [len(nested)]
    shapes = [_flatten(item, leaves) if isinstance(item, list) else None for item in nested]
    first = shapes[0]
    return None if first is None or any(shape != first for shape in shapes) else [len(nested), *first]


def _datatype_of_leaves(leaves: list[Any]) -> str:
    types = {type(leaf) for leaf in leaves}
    if types == {bool}:
        return "BOOL"
    if types == {int}:
        return "INT64" if all(-(2**63) <= leaf < 2**63 for leaf in leaves) else "BYTES"
    return "FP64" if types and types <= {int, float, type(None)} and types != {type(None)} else "BYTES"


def describe_tensors(name: str, spec: TypeSpec, outer: list[int]) -> list[dict[str, Any]]:
    """Describe the tensors that a type becomes: name, data type and shape, -1 where it varies.

    `outer` are the dimensions before the type's own.
    """
    kind = spec["kind"]
    if kind == "frame":
        return [
            {"name": column["name"], "datatype": datatype_of(column["dtype"]), "shape": [*outer, -1]}
            for column in spec["columns"]
        ]
    if kind == "object":
        return [one for field in spec["fields"] for one in describe_tensors(field["name"], field["type"], outer)]
    if kind == "dict":
        return []
    datatype, shape = _describe(spec)
    return [{"name": name, "datatype": datatype, "shape": [*outer, *shape] or [1]}]


def _describe(spec: TypeSpec) -> tuple[str, list[int]]:
    kind = spec["kind"]
    if kind in ("array", "tensor"):
        return datatype_of(spec["dtype"]), list(spec["shape"])
    if kind == "series":
        return datatype_of(spec["column"]["dtype"]), [-1]
    if kind == "scalar":
        return datatype_of(spec["dtype"]), []
    if kind == "optional":
        return _describe(spec["of"])
    if kind in ("list", "set") or (kind == "tuple" and "of" in spec):
        datatype, shape = _describe(spec["of"])
        return datatype, [-1, *shape]
    return _KINDS.get(kind, "BYTES"), []


def pack_tensor(tensor: Tensor) -> bytes:
    """Write a tensor's binary form."""
    if tensor.datatype == "BYTES":
        texts = [leaf.encode() for leaf in tensor.data]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    data = tensor.data
    if tensor.datatype.startswith("FP"):
        data = [math.nan if leaf is None else float(leaf) for leaf in data]
    return struct.pack(f"<{len(data)}{FORMATS[tensor.datatype]}", *data)


def unpack_tensor(datatype: str, raw: bytes) -> list[Any]:
    """Read a tensor's binary form as a flat list (raises `TensorError`)."""
    if datatype == "BYTES":
        return _unpack_texts(raw)
    if datatype == "BF16":
        # The upper half of a 32-bit float.
        raw = b"".join(b"\0\0" + raw[index : index + 2] for index in range(0, len(raw), 2))
        datatype = "FP32"
    if datatype not in FORMATS:
        raise TensorError(f"the data type {datatype!r} is none of {', '.join(FORMATS)}, BF16, BYTES")
    letter = FORMATS[datatype]
    count, rest = divmod(len(raw), struct.calcsize(f"<{letter}"))
    if rest:
        raise TensorError(f"{len(raw)} bytes are not a whole number of {datatype} elements")
    return list(struct.unpack(f"<{count}{letter}", raw))


def _unpack_texts(raw: bytes) -> list[str]:
    texts, position = [], 0
    while position < len(raw):
        if position + 4 > len(raw):
            raise TensorError("the BYTES data ends inside an element's length")
        (length,) = struct.unpack_from("<I", raw, position)
        position += 4 + length
        if position > len(raw):
            raise TensorError("the BYTES data ends inside an element")
        try:
            texts.append(raw[position - length : position].decode())
        except UnicodeDecodeError as error:
            raise TensorError(f"element {len(texts)} of the BYTES data is not UTF-8 text: {error}") from error
    return texts
