"""The types of NumPy, pandas and PyTorch values as the notebook's calls show them."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from jupyter_deploy.capture.observed import CannotTravel, observe, zone_keys, zone_name
from jupyter_deploy.runtime.encode import to_json
from jupyter_deploy.runtime.instants import NANOSECONDS
from jupyter_deploy.runtime.manifest import TypeSpec
from jupyter_deploy.runtime.matrices import is_default_index

Classified = tuple[Hashable, Callable[[list[Any]], TypeSpec]]

_ARROW = re.compile(r"(u?int(8|16|32|64)|float|double|bool|string|large_string)\[pyarrow\]")


def classify_table(value: Any) -> Classified | None:
    """Give the group that a NumPy, pandas or PyTorch value belongs to and what describes it; None for others."""
    if isinstance(value, np.generic):
        return ("scalar", value.dtype.kind, value.dtype.itemsize), _observe_scalars
    if isinstance(value, np.ndarray):
        if isinstance(value, np.ma.MaskedArray):
            raise CannotTravel("a masked array", "pass .filled(...) instead")
        return ("array", str(value.dtype) if value.dtype.kind != "U" else "str", value.ndim), _observe_arrays
    if "pandas" in sys.modules and (found := _classify_pandas(value)) is not None:
        return found
    if "torch" in sys.modules:
        import torch

        if isinstance(value, torch.Tensor):
            return ("tensor", value.dtype, value.ndim), _observe_tensors
    return None


def _classify_pandas(value: Any) -> Classified | None:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        columns = tuple(_column_label(name) for name in value.columns)
        return ("frame", columns, tuple(map(str, value.dtypes))), _observe_frames
    if isinstance(value, pd.Series):
        return ("series", str(value.dtype)), _observe_series
    if value is pd.NaT or value is pd.NA:
        raise CannotTravel(f"pandas' {value}", "pass None instead")
    if isinstance(value, pd.Timestamp):
        return ("timestamp", value.unit), _observe_timestamps
    if isinstance(value, pd.Timedelta):
        return ("timedelta", value.unit), lambda group: {"kind": "timedelta", "class": "pandas", "unit": group[0].unit}
    return None


def _dtype_name(dtype: Any) -> str:
    """Name a NumPy dtype (raises `CannotTravel` for one whose values have no JSON)."""
    if dtype.kind == "U":
        return "str"
    units = dtype.kind in "Mm" and np.datetime_data(dtype)[0]
    if dtype.kind in "biuO" or (dtype.kind == "f" and dtype.itemsize <= 8) or (units and units in NANOSECONDS):
        return str(dtype)
    raise CannotTravel(f"an array of dtype {dtype}", "convert it with .astype(...) to numbers, text or dates first")


def _observe_scalars(values: list[Any]) -> TypeSpec:
    return {"kind": "scalar", **_elements(np.array(values, values[0].dtype))}


def _observe_arrays(values: list[Any]) -> TypeSpec:
    flat = np.concatenate([value.ravel() for value in values])
    # concatenating turns a foreign byte order into the native one
    spec = {"kind": "array", **_elements(flat), "dtype": _dtype_name(values[0].dtype), "shape": _shape(values)}
    return {**spec, "order": "F"} if _orders(values) == {"F"} else spec


def _orders(arrays: Iterable[Any]) -> set[str]:
    """Tell how arrays lie in memory: row by row ("C"), column by column ("F"), or otherwise (""); few rows may be both.

    Linear algebra adds up in another order there, and gives other last digits.
    """
    flags = [(array.flags.c_contiguous, array.flags.f_contiguous) for array in arrays]
    return {"C" if rows else "F" if columns else "" for rows, columns in flags if not (rows and columns)}


def _observe_tensors(values: list[Any]) -> TypeSpec:
    import torch

    dtype = values[0].dtype
    if dtype.is_complex or values[0].is_quantized:
        raise CannotTravel(f"a tensor of {dtype}", "pass real numbers instead")
    nullable = dtype.is_floating_point and any(bool(torch.isnan(value).any()) for value in values)
    spec = {"kind": "tensor", "dtype": str(dtype).removeprefix("torch."), "shape": _shape(values)}
    return {**spec, "nullable": True} if nullable else spec


def _shape(values: Sequence[Any]) -> list[int]:
    """Give the shape that arrays share: the number of rows is open, another dimension if the calls differ."""
    sizes = [{int(value.shape[axis]) for value in values} for axis in range(values[0].ndim)]
    return [-1 if axis == 0 or len(size) > 1 else size.pop() for axis, size in enumerate(sizes)]


def _elements(flat: Any) -> TypeSpec:
    """Describe the elements of a flat array: dtype, whether values are missing, and what objects it holds."""
    spec: TypeSpec = {"dtype": _dtype_name(flat.dtype)}
    if flat.dtype.kind == "O":
        return spec | _objects(flat.tolist())
    if flat.dtype.kind in "fMm" and bool(np.isnan(flat).any()):
        spec["nullable"] = True
    return spec


def _objects(values: list[Any]) -> TypeSpec:
    missing = [value for value in values if _missing_name(value)]
    spec: TypeSpec = {"of": observe(value for value in values if not _missing_name(value))}
    return spec | {"nullable": True, "missing": _missing_name(missing[0])} if missing else spec


def _missing_name(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    pandas = sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NaT or value is pandas.NA):
        return "NaT" if value is pandas.NaT else "NA"
    return ""


def _observe_timestamps(values: list[Any]) -> TypeSpec:
    zone = zone_keys(value.tz for value in values)
    return {"kind": "datetime", "class": "timestamp", "unit": values[0].unit, **zone}


def _column_label(name: Any) -> str | int:
    """Give a column's name as JSON can carry it."""
    if isinstance(name, str):
        return str(name)
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        return int(name)
    raise CannotTravel(f"a frame with the column {name!r}", "name its columns with text: frame.columns = [...]")


def describe_column(columns: Sequence[Any], name: str | int | None) -> TypeSpec:
    """Describe a column by the series or indexes that it was in the calls (raises `CannotTravel`)."""
    import pandas as pd

    dtype = columns[0].dtype
    nullable = any(bool(column.isna().any()) for column in columns)
    spec: TypeSpec = {"name": name, "dtype": str(dtype), "nullable": nullable}
    if isinstance(dtype, pd.CategoricalDtype):
        return spec | _describe_categories([column.dtype for column in columns])
    if isinstance(dtype, np.dtype):
        flat = [value for column in columns for value in column.tolist()] if dtype.kind == "O" else []
        return spec | ({"dtype": _dtype_name(dtype)} if dtype.kind != "O" else _objects(flat))
    if isinstance(dtype, pd.DatetimeTZDtype) and zone_name(dtype.tz):
        return {**spec, "tz": zone_name(dtype.tz)}
    if isinstance(dtype, pd.StringDtype):
        # "str" is pandas 3's, whose missing value is NaN; it is also what NumPy calls its own text
        modern = isinstance(dtype.na_value, float)
        return {
            **spec,
            "dtype": "str" if modern else "string",
            "nullable": nullable or not modern,
            "storage": dtype.storage.partition("_")[0],
        }
    if isinstance(dtype, pd.PeriodDtype) or _ARROW.fullmatch(str(dtype)):
        return spec
    if str(dtype) == "boolean" or (str(dtype)[0] in "IUF" and hasattr(dtype, "numpy_dtype")):
        # these dtypes exist so that values can be missing
        return {**spec, "nullable": True}
    raise CannotTravel(f"a column {name!r} of dtype {dtype}", "convert it with .astype(...) first")


def _describe_categories(dtypes: Sequence[Any]) -> TypeSpec:
    first = dtypes[0].categories
    more = [category for dtype in dtypes[1:] for category in dtype.categories if category not in first]
    categories = first.append([type(first)(list(dict.fromkeys(more)), dtype=first.dtype)]) if more else first
    described = describe_column([categories], None)
    return {"categories": to_json(categories), "category": described, "ordered": bool(dtypes[0].ordered)}


def _observe_frames(values: list[Any]) -> TypeSpec:
    names = [_column_label(name) for name in values[0].columns]
    if len(set(map(str, names))) != len(names):
        raise CannotTravel("a frame with two columns of the same name", "rename one of them")
    columns = [describe_column([value.iloc[:, n] for value in values], name) for n, name in enumerate(names)]
    spec = {"kind": "frame", "columns": columns, "index": _describe_index([value.index for value in values])}
    # A frame that was made of an array holds that, row by row; others hold columns.
    numbers = {(column["dtype"], column["dtype"][0] in "fiu") for column in columns}
    alike = len(numbers) == 1 and all(is_number for _, is_number in numbers)
    return {**spec, "order": "C"} if alike and _orders(value.to_numpy() for value in values) == {"C"} else spec


def _describe_index(indexes: Iterable[Any]) -> TypeSpec | None:
    """Describe the index of frames or series, unless it only counts the rows.

    It is required unless it is nameless integers, which are what is left of a larger table's numbering.
    """
    indexes = list(indexes)
    own = [index for index in indexes if not is_default_index(index)]
    if not own:
        return None
    if own[0].nlevels > 1 or len({(index.name, str(index.dtype)) for index in own}) > 1:
        found = "a frame with an index of several levels or of different kinds"
        raise CannotTravel(found, "pass .reset_index() instead")
    name = None if own[0].name is None else _column_label(own[0].name)
    counted = own[0].dtype.kind in "iu" and name is None
    return {**describe_column(own, name), "required": len(own) == len(indexes) and not counted}


def _observe_series(values: list[Any]) -> TypeSpec:
    names = [value.name for value in values]
    name = names[0] if all(type(each) is type(names[0]) and each == names[0] for each in names) else None
    column = describe_column(values, None if name is None else _column_label(name))
    index = values[0].index
    spec: TypeSpec = {"kind": "series", "column": column, "index": _describe_index([value.index for value in values])}
    if all(isinstance(label, str) for label in index) and len(index) and index.is_unique:
        same = all(value.index.equals(index) for value in values)
        return {**spec, "labels": list(index)} if same else spec
    return spec
