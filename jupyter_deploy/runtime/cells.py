"""CSV: cells arrive as text and become the JSON that the captured types expect."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from .invalid import InvalidInput
from .manifest import TypeSpec
from .types import dtype_kind

_NUMBER = re.compile(r"\s*[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?\s*", re.ASCII)
_INTEGER = re.compile(r"\s*[+-]?\d{1,400}\s*", re.ASCII)
_MISSING = {"", "nan", "na", "n/a", "null", "none", "nat", "<na>"}
_INFINITE = {"inf": "Infinity", "infinity": "Infinity", "-inf": "-Infinity", "-infinity": "-Infinity"}
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def read_cells(text: str, known: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Split CSV into the names of its columns and the text of its cells (raises `InvalidInput`).

    Without a line of names (all cells are numbers, none is a `known` column) the columns are the known ones.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True) if line]
    except csv.Error as error:
        raise InvalidInput("csv", "comma-separated values", str(error)) from error
    if not lines:
        raise InvalidInput("csv", "a line with the columns' names", "nothing")
    names, rows = lines[0], lines[1:]
    if not set(names) & set(known) and all(_NUMBER.fullmatch(cell) for cell in names):
        names = list(known) if len(known) == len(names) else [str(number) for number in range(len(names))]
        rows = lines
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise InvalidInput(f"csv row {number}", f"{len(names)} cells", f"{len(row)}")
    return names, rows


def convert_cells(cells: Sequence[str], spec: TypeSpec) -> list[Any]:
    """Convert the cells of one column by its description or type; one that does not fit stays text, to be refused."""
    convert, nullable = _cell_converter(spec)
    return [None if nullable and cell.strip().lower() in _MISSING else convert(cell) for cell in cells]


def _cell_converter(spec: TypeSpec) -> tuple[Callable[[str], Any], bool]:
    if spec.get("kind") == "optional":
        return _cell_converter(spec["of"])[0], True
    nullable = bool(spec.get("nullable"))
    if spec.get("dtype") == "category":
        return _cell_converter(spec["category"])[0], nullable
    if spec.get("dtype") == "object":
        return _cell_converter(spec.get("of") or {"kind": "any"})[0], nullable
    kind = dtype_kind(spec["dtype"]) if "dtype" in spec else spec["kind"]
    if kind == "literal":
        return _guess_among(spec["values"]), nullable
    if kind == "enum":
        return _guess_among(list(spec["values"].values())), nullable
    return _CONVERTERS.get(kind, str), nullable


def _guess_among(values: Sequence[Any]) -> Callable[[str], Any]:
    by_text = {str(value).lower() if isinstance(value, bool) else str(value): value for value in values}
    return lambda cell: by_text.get(cell, by_text.get(cell.lower(), cell))


def _convert_integer(cell: str) -> Any:
    return int(cell) if _INTEGER.fullmatch(cell) else _convert_number(cell)


def _convert_number(cell: str) -> Any:
    if _NUMBER.fullmatch(cell):
        return float(cell)
    return _INFINITE.get(cell.strip().lower(), cell)


def _convert_boolean(cell: str) -> Any:
    return _BOOLEANS.get(cell.strip().lower(), cell)


def _guess(cell: str) -> Any:
    if _NUMBER.fullmatch(cell):
        return _convert_integer(cell)
    return {"true": True, "false": False, "": None}.get(cell.strip().lower(), cell)


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "int": _convert_integer,
    "float": _convert_number,
    "bool": _convert_boolean,
    "any": _guess,
    "union": _guess,
}
