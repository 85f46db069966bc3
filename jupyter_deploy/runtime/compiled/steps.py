"""What stands before a model in a pipeline: scalers, imputers, encoders and the choice of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .encoders import OneHot, Ordinal, is_nan
from .rows import Array, Reader, check_finite, is_frame

Step = Callable[[Any], Any]


class Scale:
    """Subtracts, then divides; no number is touched in place that belongs to the caller."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._mean, self._scale = described["mean"], described["scale"]
        self._checks = described["checks"]

    def __call__(self, rows: Array) -> Array:
        """Give the scaled rows."""
        if self._checks:
            check_finite(rows, "StandardScaler", missing=True)
        if self._mean is not None:
            rows = rows - _as_wide(self._mean, rows)
        return rows if self._scale is None else rows / _as_wide(self._scale, rows)


def _as_wide(numbers: Array, rows: Array) -> Array:
    return numbers if numbers.dtype == rows.dtype else numbers.astype(rows.dtype)


class Stretch:
    """Multiplies, then adds, and may cut off what lies beyond a range."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._scale, self._shift, self._range = described["scale"], described["shift"], described["range"]
        self._checks = described["checks"]

    def __call__(self, rows: Array) -> Array:
        """Give the scaled rows."""
        if self._checks:
            check_finite(rows, "MinMaxScaler", missing=True)
        rows = np.array(rows)
        rows *= self._scale
        if self._shift is not None:
            rows += self._shift
        return rows if self._range is None else np.clip(rows, *self._range)


class Impute:
    """Fills in what is missing, column by column; columns without a value to fill in are left out."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._values, self._kept = described["values"], described["kept"]
        self._checks = described["checks"]

    def __call__(self, rows: Array) -> Array:
        """Give complete rows."""
        if self._checks:
            check_finite(rows, "SimpleImputer", missing=True)
        if self._kept is not None:
            rows = rows[:, self._kept]
        return np.where(np.isnan(rows), self._values.astype(rows.dtype, copy=False), rows)


class ImputeLabels:
    """Fills in what is missing among labels."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._values = described["values"]
        self._is_missing = _is_none if described["none"] else is_nan

    def __call__(self, columns: list[list[Any]]) -> list[list[Any]]:
        """Give complete columns."""
        return [[value if self._is_missing(one) else one for one in column]
                for column, value in zip(columns, self._values, strict=True)]


def _is_none(value: Any) -> bool:
    return value is None


class Columns:
    """Gives each part of a table to its own steps and puts what they give side by side."""

    def __init__(self, described: dict[str, Any], read: Reader) -> None:
        self._read = read
        self._names = described["names"]
        self._width = described["width"]
        self._parts = [_Part(part) for part in described["parts"]]
        self._owner = described["owner"]

    def __call__(self, data: Any) -> Array:
        """Give the rows of numbers (raises `ValueError` where columns are missing)."""
        table: _Frame | _Cells
        if is_frame(data) and self._names is not None:
            table = _Frame(data, self._names, {name for part in self._parts for name in part.names(self._names)})
        else:
            rows = np.asarray(data)
            if rows.ndim != 2 or rows.shape[1] != self._width:
                self._read(rows if rows.ndim != 2 else np.zeros(rows.shape))  # raises what is wrong
            table = _Cells(rows)
        return np.concatenate([part(table) for part in self._parts], axis=1)


class _Frame:
    """Columns of a frame by their place among the features."""

    def __init__(self, frame: Any, names: Sequence[str], needed: set[str]) -> None:
        if missing := needed - set(frame.columns):
            raise ValueError(f"columns are missing: {missing}")
        self._frame, self._names = frame, names

    def numbers(self, places: Sequence[int]) -> Array:
        part = self._frame[[self._names[place] for place in places]]
        if all(isinstance(dtype, np.dtype) for dtype in part.dtypes):
            rows = part.to_numpy()
            return rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64)
        return part.to_numpy(dtype=np.float64, na_value=np.nan)

    def labels(self, places: Sequence[int]) -> list[list[Any]]:
        return [self._frame[self._names[place]].tolist() for place in places]


class _Cells:
    """Columns of an array."""

    def __init__(self, rows: Array) -> None:
        self._rows = rows

    def numbers(self, places: Sequence[int]) -> Array:
        rows = self._rows[:, list(places)]
        return rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64)

    def labels(self, places: Sequence[int]) -> list[list[Any]]:
        return [self._rows[:, place].tolist() for place in places]


class _Part:
    """Some columns and what is done with them."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._places = described["places"]
        self._labels = described["labels"]
        self._steps = [STEPS[one["step"]](one) for one in described["steps"]]

    def names(self, names: Sequence[str]) -> list[str]:
        return [names[place] for place in self._places]

    def __call__(self, table: _Frame | _Cells) -> Array:
        found: Any = table.labels(self._places) if self._labels else table.numbers(self._places)
        for step in self._steps:
            found = step(found)
        return found


STEPS: dict[str, Callable[[dict[str, Any]], Step]] = {
    "scale": Scale, "stretch": Stretch, "impute": Impute, "impute_labels": ImputeLabels, "one_hot": OneHot,
    "ordinal": Ordinal,
}


def build_steps(described: Sequence[dict[str, Any]], read: Reader) -> list[Step]:
    """Build the way of a caller's data to the rows that a model scores."""
    if described and described[0]["step"] == "columns":
        return [Columns(described[0], read), *(STEPS[one["step"]](one) for one in described[1:])]
    return [read, *(STEPS[one["step"]](one) for one in described)]
