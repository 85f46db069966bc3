"""A result's Python types in one line, so that the proof tells apart what JSON writes alike."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from .plain import class_name

_LENGTH = 400
_NAMES = 24
_DEPTH = 6


def describe(value: object) -> str:
    """Describe the Python types of a value: `dict{label: str, p: numpy.float64}`, `ndarray[float64](3,)`.

    The same value gives the same text in every process; it is never longer than a few hundred characters.
    """
    text = _describe(value, 0)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"


def _describe(value: Any, depth: int) -> str:
    if value is None or type(value) in (bool, int, str, bytes):
        return type(value).__name__ if value is not None else "None"
    if isinstance(value, float):
        return f"{_name(value)}(nan)" if math.isnan(value) else _name(value)
    for module, describe_of in _FOREIGN.items():
        if module in sys.modules and (text := describe_of(value)) is not None:
            return text
    if depth >= _DEPTH:
        return _name(value)
    return _describe_container(value, depth + 1)


def _describe_container(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        return f"{_name(value)}{_fields(value.items(), depth)}"
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)):
        return f"{_name(value)}{_fields(zip(names, value, strict=True), depth)}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return f"{_name(value)}{_fields(fields, depth)}"
    if hasattr(type(value), "__attrs_attrs__"):
        fields = ((field.alias, getattr(value, field.name)) for field in type(value).__attrs_attrs__)
        return f"{_name(value)}{_fields(fields, depth)}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"{_name(value)}[{len(value)}]{_elements(value, depth)}"
    return _name(value)


def _fields(items: Iterable[tuple[Any, Any]], depth: int) -> str:
    texts = [f"{key}: {_describe(each, depth)}" for key, each in items]
    return "{" + ", ".join(texts[:_NAMES]) + (f", … {len(texts)}" if len(texts) > _NAMES else "") + "}"


def _elements(values: Iterable[Any], depth: int) -> str:
    kinds = sorted({_describe(each, depth) for each in values})
    return f" of {' | '.join(kinds[:8])}{' | …' if len(kinds) > 8 else ''}" if kinds else ""


def _name(value: object) -> str:
    return class_name(type(value))


def _describe_numpy(value: Any) -> str | None:
    import numpy as np

    if isinstance(value, np.ndarray):
        elements = _elements(value.ravel().tolist(), _DEPTH) if value.dtype.kind == "O" else ""
        name = "ndarray" if type(value) is np.ndarray else _name(value)
        return f"{name}[{value.dtype}]{value.shape}{elements}"
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return f"numpy.{value.dtype}{'(nat)' if np.isnat(value) else ''}"
    if isinstance(value, np.floating):
        return f"{_name(value)}(nan)" if np.isnan(value) else _name(value)
    return None


def _describe_pandas(value: Any) -> str | None:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        columns = [f"{name}: {_dtype(value.iloc[:, number])}" for number, name in enumerate(value.columns[:_NAMES])]
        more = f", … {value.shape[1]}" if value.shape[1] > _NAMES else ""
        return f"DataFrame[{', '.join(columns)}{more}]({len(value)} rows{_index(value.index)})"
    if isinstance(value, pd.Series):
        name = "" if value.name is None else f", name {value.name}"
        return f"Series[{_dtype(value)}]({len(value)}{name}{_index(value.index)})"
    if isinstance(value, pd.Index):
        return f"{type(value).__name__}[{value.dtype}]({len(value)})"
    if value is pd.NaT or value is pd.NA:
        return "pandas.NaT" if value is pd.NaT else "pandas.NA"
    if isinstance(value, pd.Timestamp):
        return f"pandas.Timestamp[{value.unit}{'' if value.tz is None else f', {value.tz}'}]"
    return f"pandas.{type(value).__name__}" if isinstance(value, (pd.Timedelta, pd.Period, pd.Interval)) else None


def _describe_polars(value: Any) -> str | None:
    from .polars_tables import describe_polars

    return describe_polars(value) if type(value).__module__.partition(".")[0] == "polars" else None


def _dtype(series: Any) -> str:
    return f"object{_elements(series.tolist(), _DEPTH)}" if series.dtype == object else str(series.dtype)


def _index(index: Any) -> str:
    from .matrices import is_default_index

    if is_default_index(index):
        return ""
    names = ", ".join(f"{name}" for name in index.names if name is not None)
    kind = "multi" if index.nlevels > 1 else index.dtype
    return f", index {names + ': ' if names else ''}{kind}"


def _describe_torch(value: Any) -> str | None:
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    return f"Tensor[{str(value.dtype).removeprefix('torch.')}]{tuple(value.shape)}"


def _describe_pydantic(value: Any) -> str | None:
    import pydantic

    if not isinstance(value, pydantic.BaseModel):
        return None
    return f"{_name(value)}{_fields(((name, getattr(value, name)) for name in type(value).model_fields), 1)}"


_FOREIGN = {
    "numpy": _describe_numpy,
    "pandas": _describe_pandas,
    "polars": _describe_polars,
    "torch": _describe_torch,
    "pydantic": _describe_pydantic,
}
