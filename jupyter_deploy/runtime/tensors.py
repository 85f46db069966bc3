"""The named tensors of the Open Inference Protocol v2, as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from .invalid import InvalidInput, name_found, name_some

_KINDS: dict[str, set[type]] = {
    "BOOL": {bool},
    "BYTES": {str},
    **{f"{sign}INT{bits}": {int} for sign in ("", "U") for bits in (8, 16, 32, 64)},
    # an infinity is written as text, as everywhere in this service
    **{f"FP{bits}": {int, float, str} for bits in (16, 32, 64)},
}
"""The Python types of each datatype's JSON values."""


@dataclass(frozen=True)
class Tensor:
    """A named tensor: its values are flat, row by row."""

    name: str
    shape: tuple[int, ...]
    values: list[Any]

    def rank(self, expected: int | None) -> int:
        """Count the dimensions, less those of size 1 at the end that are more than one too many."""
        rank = len(self.shape)
        while expected is not None and rank > expected + 1 and self.shape[rank - 1] == 1:
            rank -= 1
        return rank

    def nested(self, expected: int | None = None) -> Any:
        """Give the values as nested lists, for an argument that expects so many."""
        shape = self.shape[: self.rank(expected)]
        if not shape:
            return self.values[0] if self.values else []
        values = self.values
        for size in reversed(shape[1:]):
            count = len(values) // size if size else math.prod(shape[:-1])
            values = [values[start * size : (start + 1) * size] for start in range(count)]
        return values

    def column(self) -> list[Any]:
        """Give the values of a tensor that is one column of a table, of shape n or n by 1."""
        if len(self.shape) > 2 or (len(self.shape) == 2 and self.shape[1] != 1):
            raise InvalidInput(self.name, "a column: a tensor of shape [n] or [n, 1]", f"the shape {list(self.shape)}")
        return self.values

    def rows(self) -> list[Any]:
        """Give the rows of a tensor that is a whole table; of a single dimension it is one row."""
        if len(self.shape) == 1:
            return [self.values]
        if len(self.shape) != 2:
            raise InvalidInput(self.name, "a table: a tensor of shape [rows, columns]", f"the shape {list(self.shape)}")
        rows: list[Any] = self.nested()
        return rows


def parse_tensors(tensors: object) -> list[Tensor]:
    """Read the `inputs` of a request (raises `InvalidInput`)."""
    if type(tensors) is not list or not tensors:
        raise InvalidInput("inputs", "a list of tensors", name_found(tensors))
    parsed = [_parse_tensor(tensor, f"inputs[{number}]") for number, tensor in enumerate(tensors)]
    names = [tensor.name for tensor in parsed]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput("inputs", "each tensor once", f'two called "{twice[0]}"')
    return parsed


def _parse_tensor(tensor: Any, field: str) -> Tensor:
    if type(tensor) is not dict:
        raise InvalidInput(field, "a tensor with name, datatype, shape and data", name_found(tensor))
    for key, kind in (("name", str), ("datatype", str), ("shape", list), ("data", list)):
        if type(tensor.get(key)) is not kind:
            raise InvalidInput(f"{field}.{key}", "text" if kind is str else "a list", name_found(tensor.get(key)))
    name, datatype, shape = tensor["name"], tensor["datatype"], tensor["shape"]
    if datatype not in _KINDS:
        raise InvalidInput(f"{field}.datatype", f"one of {name_some(_KINDS, 20)}", name_found(datatype))
    if any(type(size) is not int or size < 0 for size in shape):
        raise InvalidInput(f"{field}.shape", "sizes of 0 and more", name_found(shape))
    values = _flatten(tensor["data"])
    if len(values) != math.prod(shape):
        raise InvalidInput(f"{field}.data", f"{math.prod(shape)} values, as the shape says", f"{len(values)}")
    _check_kinds(values, datatype, f"{field}.data")
    return Tensor(name, tuple(shape), values)


def _flatten(data: list[Any]) -> list[Any]:
    while list in set(map(type, data)):
        data = list(chain.from_iterable(each if type(each) is list else [each] for each in data))
    return data


def _check_kinds(values: Sequence[Any], datatype: str, field: str) -> None:
    kinds = _KINDS[datatype] | {type(None)}
    if not set(map(type, values)) <= kinds:
        position, value = next((n, value) for n, value in enumerate(values) if type(value) not in kinds)
        raise InvalidInput(f"{field}[{position}]", f"a value of {datatype}", name_found(value))
