"""Rows to try a compiled form with: those that the model was asked about, varied, and those where its answer turns."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from jupyter_deploy.runtime.compiled.rows import Array

COUNT = 512
"""Rows that are tried."""
SPREAD = 0.2
TURNS = 3
"""Features of a row that are put on a threshold."""


def make_rows(
    model: Any, asked: Sequence[Any], thresholds: dict[int, Array], *, missing: bool = False, count: int = COUNT
) -> Any:
    """Give rows in the form in which the model was asked: an array, a frame or a list; always the same ones.

    Parameters
    ----------
    model
        The model; without questions, its width, names and scale tell what rows look like.
    asked
        What the golden calls asked it about.
    thresholds
        By feature, the numbers at which answers turn: a half of the rows stand on one or right beside it.
    missing
        Whether some rows have NaN.

    """
    table = _first_table(asked)
    chance = np.random.default_rng(0)
    if table is None:
        names = getattr(model, "feature_names_in_", None)
        rows = _turn(_invent(model, thresholds, chance, count), thresholds)
        pandas = sys.modules.get("pandas")
        rows = _lose(rows, chance) if missing else rows
        return rows if names is None or pandas is None else pandas.DataFrame(rows, columns=list(names))
    if hasattr(table, "iloc"):
        return _vary_frame(_join_frames(asked, table), thresholds, chance, count)
    tables = [np.asarray(one) for one in asked if np.ndim(one) == 2]
    rows = np.concatenate([one for one in tables if one.shape[1] == tables[0].shape[1]])
    varied = _vary(rows[chance.integers(0, len(rows), count)], rows, thresholds, chance)
    if varied.dtype.kind == "f" and varied.shape[1] == model.n_features_in_:
        # A few golden calls show little of what the model knows: its own ranges show the rest.
        varied[1::4] = _invent(model, thresholds, chance, count)[1::4]
    varied = _lose(varied, chance) if missing and varied.dtype.kind == "f" else varied
    return varied.tolist() if isinstance(table, list) else varied


def is_table(asked: Any) -> bool:
    """Whether a question has rows of several columns."""
    return hasattr(asked, "iloc") or bool(np.ndim(asked) == 2 and np.size(asked))


def _first_table(asked: Sequence[Any]) -> Any:
    return next(filter(is_table, asked), None)


def _join_frames(asked: Sequence[Any], first: Any) -> Any:
    pandas: Any = sys.modules["pandas"]
    same = [one for one in asked if hasattr(one, "iloc") and list(one.dtypes) == list(first.dtypes)
            and list(one.columns) == list(first.columns)]
    return pandas.concat(same, ignore_index=True)


def _vary(rows: Array, seen: Array, thresholds: dict[int, Array], chance: Any) -> Array:
    """Change numbers by a fifth; whole numbers stay whole, labels are taken from other rows."""
    if rows.dtype.kind == "f":
        with np.errstate(over="ignore"):
            changed = rows * (1 + chance.uniform(-SPREAD, SPREAD, rows.shape))
        return _turn(changed, thresholds).astype(rows.dtype)
    mixed = rows.copy()
    for column in range(rows.shape[1]):
        mixed[:, column] = seen[chance.integers(0, len(seen), len(rows)), column]
    if rows.dtype.kind in "iu":
        mixed = _turn(mixed.astype(np.float64), thresholds).round().astype(rows.dtype)
    return mixed


def _vary_frame(frame: Any, thresholds: dict[int, Array], chance: Any, count: int) -> Any:
    columns = {}
    for place, name in enumerate(frame.columns):
        column = frame[name].iloc[chance.integers(0, len(frame), count)].reset_index(drop=True)
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu":
            values = column.to_numpy().reshape(-1, 1)
            own = {0: thresholds[place]} if place in thresholds else {}
            column = type(column)(_vary(values, frame[name].to_numpy().reshape(-1, 1), own, chance)[:, 0])
        columns[name] = column
    return type(frame)(columns)


def _invent(model: Any, thresholds: dict[int, Array], chance: Any, count: int) -> Array:
    rows = chance.normal(0, 1, (count, model.n_features_in_))
    scaler = next((step for _, step in getattr(model, "steps", ()) if hasattr(step, "scale_")), None)
    if scaler is not None and getattr(scaler, "mean_", None) is not None and len(scaler.mean_) == rows.shape[1]:
        rows = scaler.mean_ + 2 * rows * (1 if scaler.scale_ is None else scaler.scale_)
    elif not hasattr(model, "steps"):
        for feature, values in thresholds.items():
            rows[:, feature] = values.mean() + (values.std() + 0.1 * abs(values.mean()) + 1e-3) * rows[:, feature]
    return rows


def _lose(rows: Array, chance: Any) -> Array:
    """Make a number of every eighth row NaN."""
    rows[::8][np.arange(len(rows[::8])), chance.integers(0, rows.shape[1], len(rows[::8]))] = np.nan
    return rows


def _turn(rows: Array, thresholds: dict[int, Array]) -> Array:
    """Put some numbers of every second row on a threshold, or on the next number beside it."""
    usable = [feature for feature in thresholds if feature < rows.shape[1] and len(thresholds[feature])]
    if not usable:
        return rows
    pick = random.Random(0)  # noqa: S311 - nothing secret
    values = {feature: thresholds[feature].tolist() for feature in usable}
    for row in range(0, len(rows), 2):
        for _ in range(TURNS):
            feature = pick.choice(usable)
            value = float(pick.choice(values[feature]))
            if np.isfinite(value):
                rows[row, feature] = pick.choice(_beside(value))
    return rows


def _beside(value: float) -> list[float]:
    """Give a number and its neighbours, in double and in single precision."""
    with np.errstate(over="ignore"):
        single = np.float32(value)
        return [value, float(np.nextafter(value, np.inf)), float(np.nextafter(value, -np.inf)), float(single),
                float(np.nextafter(single, np.float32(np.inf))), float(np.nextafter(single, np.float32(-np.inf)))]
