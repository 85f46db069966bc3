"""What a caller passes to a model, as an array of rows, with the checks and the errors of scikit-learn."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any
"""A NumPy array: NumPy's own types differ from version to version."""
_WIDE = np.dtype(np.float64)


class Reader:
    """Turns what a caller passes into rows of numbers.

    Parameters
    ----------
    owner
        What the model is called in errors.
    width, names
        How many features it has and, if it was trained on a frame, what they are called.
    dtype
        What the numbers become; None leaves floats as wide as they are.

    """

    def __init__(self, owner: str, width: int, names: Sequence[str] | None, dtype: str | None) -> None:
        self._owner = owner
        self._width = width
        self._names = None if names is None else list(names)
        self._dtype = None if dtype is None else np.dtype(dtype)

    def __call__(self, data: Any) -> Array:
        """Give the rows (raises `ValueError` for what are none, or are of other features)."""
        if type(data) is not np.ndarray:
            self.check_names(data)
            data = _read_frame(data) if hasattr(data, "columns") else np.asarray(data)
        if data.dtype != (self._dtype or _WIDE):
            data = self._convert(data)
        if data.ndim != 2 or data.shape[1] != self._width or not data.shape[0]:
            self._refuse(data)
        return data

    def check_names(self, data: Any) -> None:
        """Compare a frame's columns with the features (raises `ValueError`)."""
        columns = getattr(data, "columns", None)
        if self._names is None or columns is None:
            return
        found = columns.tolist()
        if found == self._names or not all(isinstance(name, str) for name in found):
            return
        unseen = sorted(set(found) - set(self._names))
        missing = sorted(set(self._names) - set(found))
        said = "The feature names should match those that were passed during fit.\n"
        if unseen:
            said += f"Feature names unseen at fit time:\n{_list(unseen)}"
        if missing:
            said += f"Feature names seen at fit time, yet now missing:\n{_list(missing)}"
        if not unseen and not missing:
            said += "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(said)

    def _convert(self, data: Array) -> Array:
        if data.dtype.kind not in "fiub":
            data = np.asarray(data, np.float64)  # text of numbers is read, other text is a ValueError
        if self._dtype is not None:
            return data.astype(self._dtype)
        return data if data.dtype == np.float32 else data.astype(np.float64)

    def _refuse(self, data: Array) -> None:
        if data.ndim != 2:
            what = "scalar array" if data.ndim == 0 else f"{data.ndim}D array"
            raise ValueError(
                f"Expected 2D array, got {what} instead:\narray={data}.\nReshape your data either using "
                "array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if it contains a "
                "single sample.")
        if data.shape[1] != self._width:
            raise ValueError(f"X has {data.shape[1]} features, but {self._owner} is expecting {self._width} "
                             "features as input.")
        raise ValueError(f"Found array with 0 sample(s) (shape={data.shape}) while a minimum of 1 is required by "
                         f"{self._owner}.")


def _list(names: Sequence[str]) -> str:
    shown = [f"- {name}\n" for name in names[:5]]
    return "".join([*shown, *(["- ...\n"] if len(names) > 5 else [])])


def _read_frame(frame: Any) -> Array:
    """Give a frame's values; pandas' own missing values become NaN."""
    if all(isinstance(dtype, np.dtype) for dtype in frame.dtypes):
        return np.asarray(frame)
    return frame.to_numpy(dtype=np.float64, na_value=np.nan)


def is_frame(data: Any) -> bool:
    """Whether a value is pandas' frame."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def check_finite(rows: Array, owner: str, *, missing: bool) -> None:
    """Refuse infinity, and NaN unless `missing` (raises `ValueError`)."""
    if np.isfinite(rows).all():
        return
    if not missing and np.isnan(rows).any():
        raise ValueError(f"Input X contains NaN.\n{owner} does not accept missing values encoded as NaN natively.")
    if np.isinf(rows).any():
        raise ValueError(f"Input X contains infinity or a value too large for {rows.dtype!r}.")
