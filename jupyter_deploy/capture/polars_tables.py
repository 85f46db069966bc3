"""The types of polars' frames and series as the notebook's calls show them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from jupyter_deploy.capture.observed import CannotTravel, zone_keys
from jupyter_deploy.runtime.manifest import TypeSpec
from jupyter_deploy.runtime.scalars import timezone

_ELEMENTS = {
    "Boolean": "bool", "String": "str", "Categorical": "str", "Date": "date", "Time": "time", "Binary": "bytes",
    "Float32": "float", "Float64": "float",
    **dict.fromkeys(("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"), "int"),
}  # fmt: skip
"""The kind of JSON that each dtype's values have."""


def classify_polars(value: Any) -> tuple[Hashable, Callable[[list[Any]], TypeSpec]] | None:
    """Give the group that a frame or a series belongs to and what describes it; None for others."""
    import polars as pl

    if isinstance(value, pl.DataFrame):
        return ("polars", tuple(value.schema.items())), _observe_frames
    if isinstance(value, pl.Series):
        return ("polars", value.dtype), _observe_series
    if isinstance(value, pl.LazyFrame):
        raise CannotTravel("a polars.LazyFrame", "take a polars.DataFrame, and make it .lazy() in the function")
    return None


def _observe_frames(values: list[Any]) -> TypeSpec:
    columns = [_describe_column([value[name] for value in values], name) for name in values[0].columns]
    return {"kind": "polars_frame", "columns": columns}


def _observe_series(values: list[Any]) -> TypeSpec:
    return {"kind": "polars_series", "column": _describe_column(values, values[0].name)}


def _describe_column(columns: Sequence[Any], name: str) -> TypeSpec:
    if any(column.dtype.is_float() and column.is_nan().any() for column in columns):
        raise CannotTravel(f"a column {name!r} with NaN", "JSON has null only: .fill_nan(None) makes them that")
    nullable = any(column.null_count() for column in columns)
    return {"name": name, **describe_dtype(columns[0].dtype, name), "nullable": nullable}


def describe_dtype(dtype: Any, name: str) -> TypeSpec:
    """Describe a dtype, with the type `of` its values (raises `CannotTravel`)."""
    kind = type(dtype).__name__ if not isinstance(dtype, type) else dtype.__name__
    if kind in _ELEMENTS:
        return {"dtype": kind, "of": {"kind": _ELEMENTS[kind]}}
    if kind == "Datetime":
        zone = {"tz": None} if dtype.time_zone is None else zone_keys([timezone(dtype.time_zone)])
        return {"dtype": kind, "unit": dtype.time_unit, "tz": dtype.time_zone, "of": {"kind": "datetime", **zone}}
    if kind == "Duration":
        return {"dtype": kind, "unit": dtype.time_unit, "of": {"kind": "timedelta"}}
    if kind == "List":
        inner = describe_dtype(dtype.inner, name)
        return {"dtype": kind, "inner": inner, "of": {"kind": "list", "of": {"kind": "optional", "of": inner["of"]}}}
    raise CannotTravel(f"a column {name!r} of polars' {dtype}", "convert it with .cast(...) first")
