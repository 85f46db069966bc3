"""Rows like those that a model was asked about, made up to see how it answers many."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Sequence
from typing import Any

SPREAD = 0.2
"""Numbers are changed by a fifth: far enough for other answers, near enough to be the model's own ground."""


def vary(tables: Sequence[Any], count: int) -> list[Any]:
    """Give tables of one row: those of `tables`, and others with changed numbers; no two are alike, always the same."""
    chance = random.Random(0)  # noqa: S311 - nothing secret
    given = [table[place : place + 1] for table in tables for place in range(min(len(table), count))]
    given = [_count_anew(row) for row in given]
    rows = {pickle.dumps(row): row for row in given}
    for _ in range(4 * count):
        if len(rows) >= count:
            break
        row = _change(chance.choice(given), chance)
        rows.setdefault(pickle.dumps(row), row)
    return list(rows.values())[:count]


def _count_anew(row: Any) -> Any:
    return row.reset_index(drop=True) if hasattr(row, "reset_index") else row


def _change(row: Any, chance: random.Random) -> Any:
    if type(row) is list:
        return [_change_value(each, chance) for each in row]
    changed = row.copy()
    if hasattr(changed, "columns"):
        for name in changed.columns[[dtype.kind == "f" for dtype in changed.dtypes]]:
            changed[name] = changed[name] * (1 + chance.uniform(-SPREAD, SPREAD))
    elif changed.dtype.kind == "f":
        numpy = sys.modules["numpy"]
        factors = [1 + chance.uniform(-SPREAD, SPREAD) for _ in range(changed.size)]
        changed = (changed * numpy.array(factors).reshape(changed.shape)).astype(changed.dtype)
    return changed


def _change_value(value: Any, chance: random.Random) -> Any:
    if type(value) in (list, tuple):
        return type(value)(_change_value(each, chance) for each in value)
    return value * (1 + chance.uniform(-SPREAD, SPREAD)) if type(value) is float else value


def same(one: Any, other: Any) -> bool:
    """Tell whether two answers are the same to the last bit."""
    if type(one) is not type(other):
        return False
    if not hasattr(one, "dtype"):
        return bool(one == other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool((one == other).all()) if one.dtype.hasobject else bool(one.tobytes() == other.tobytes())
