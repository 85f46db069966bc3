"""Labels as numbers: one column for each label, or one number for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from .rows import Array

MISSING = object()
"""Stands for NaN, which is unlike itself, among labels."""
UNKNOWN = -1


def is_nan(value: Any) -> bool:
    """Whether a label is NaN; what compares in other ways, as pandas' NA, is not."""
    return isinstance(value, float) and value != value


class _Labels:
    """The labels of a column and the place of each."""

    def __init__(self, labels: list[Any], column: int) -> None:
        self.count = len(labels)
        self._places = {MISSING if is_nan(one) else one: place for place, one in enumerate(labels)}
        self._column = column

    def find(self, values: list[Any], *, strict: bool) -> list[int]:
        """Give the place of each value, `UNKNOWN` for one that is not a label (raises `ValueError` if `strict`)."""
        get = self._places.get
        found = [get(MISSING if is_nan(one) else one, UNKNOWN) for one in values]
        if strict and UNKNOWN in found:
            unknown = list(dict.fromkeys(one for one, place in zip(values, found, strict=True) if place == UNKNOWN))
            raise ValueError(f"Found unknown categories {unknown} in column {self._column} during transform")
        return found


class OneHot:
    """A column of its own for each label."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._labels = [_Labels(list(one), column) for column, one in enumerate(described["categories"])]
        self._drop = described["drop"]
        self._strict = described["strict"]
        self._dtype = np.dtype(described["dtype"])
        kept = [labels.count - (drop is not None) for labels, drop in zip(self._labels, self._drop, strict=True)]
        self._starts = np.cumsum([0, *kept]).tolist()

    def __call__(self, columns: list[list[Any]]) -> Array:
        """Give the columns of zeros and ones."""
        found = np.zeros((len(columns[0]), self._starts[-1]), self._dtype)
        for values, labels, start, drop in zip(columns, self._labels, self._starts[:-1], self._drop, strict=True):
            for row, place in enumerate(labels.find(values, strict=self._strict)):
                if place != UNKNOWN and place != drop:
                    found[row, start + place - (drop is not None and place > drop)] = 1
        return found


class Ordinal:
    """A number for each label."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._labels = [_Labels(list(one), column) for column, one in enumerate(described["categories"])]
        self._strict = described["strict"]
        self._unknown = np.nan if described["unknown"] is None else described["unknown"]
        self._codes = described["codes"]
        self._dtype = np.dtype(described["dtype"])

    def __call__(self, columns: list[list[Any]]) -> Array:
        """Give the columns of numbers."""
        found = np.empty((len(columns[0]), len(columns)), self._dtype)
        for column, (values, labels, codes) in enumerate(zip(columns, self._labels, self._codes, strict=True)):
            places = labels.find(values, strict=self._strict)
            found[:, column] = [self._unknown if place == UNKNOWN else codes[place] for place in places]
        return found
