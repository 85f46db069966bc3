"""Conversions of a frame's columns: from the JSON values of one column to an array of its exact dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arrays import Compile, Convert, compile_elements, element_name
from .instants import parse_instants
from .invalid import name_some
from .manifest import TypeSpec
from .scalars import compile_any
from .types import dtype_kind

_JSON: dict[str, set[type]] = {"int": {int}, "float": {float, int}, "bool": {bool}, "str": {str}}
"""The Python types of a kind's JSON values."""


def compile_column(column: TypeSpec, compile_: Compile) -> Convert:
    """Build the conversion of a column's values to a NumPy or pandas array (it raises as `Convert` says)."""
    dtype = column["dtype"]
    if dtype == "category":
        return _compile_category(column, compile_)
    if column.get("tz"):
        return _compile_zoned(column)
    if dtype.startswith("period["):
        return _compile_periods(column)
    if dtype.endswith("[pyarrow]") or dtype in ("str", "string", "boolean") or dtype[0] in "IUF":
        return _compile_extension(column)
    return compile_elements(column, compile_)


def column_name(column: TypeSpec) -> str:
    """Name one value of a column for people."""
    if column["dtype"] == "category":
        name = f"one of the categories {name_some(column['categories'], 8)}"
    elif column.get("tz"):
        name = f"a date and time in ISO 8601 with a time zone ({column['dtype']})"
    else:
        return element_name(column)
    return f"{name} or null" if column.get("nullable") else name


def _check_kinds(values: Sequence[object], kinds: set[type], column: TypeSpec) -> None:
    found = set(map(type, values)) - kinds
    if found - {type(None)} or (found and not column.get("nullable")):
        raise ValueError(f"unexpected {found}")


def _compile_category(column: TypeSpec, compile_: Compile) -> Convert:
    import pandas as pd

    categories = column["categories"]
    index = make_index(compile_column(column["category"], compile_)(categories), None)
    dtype = pd.CategoricalDtype(index, ordered=bool(column.get("ordered")))
    codes: dict[Any, int] = {category: code for code, category in enumerate(categories)} | {None: -1}
    kinds = set(map(type, categories))
    if float in kinds:
        kinds.add(int)

    def convert(values: Sequence[Any]) -> Any:
        _check_kinds(values, kinds, column)
        try:
            return pd.Categorical.from_codes([codes[value] for value in values], dtype=dtype)
        except KeyError as error:
            raise ValueError(f"{error} is not a category") from None

    return convert


def _compile_zoned(column: TypeSpec) -> Convert:
    import pandas as pd

    unit = column["dtype"].partition("[")[2].partition(",")[0]

    def convert(values: Sequence[Any]) -> Any:
        _check_kinds(values, {str}, column)
        instants = pd.DatetimeIndex(parse_instants(values, unit, aware=True))
        return instants.tz_localize("UTC").tz_convert(column["tz"]).array

    return convert


def _compile_periods(column: TypeSpec) -> Convert:
    import pandas as pd

    frequency = column["dtype"][len("period[") : -1]

    def convert(values: Sequence[Any]) -> Any:
        _check_kinds(values, {str}, column)
        return pd.PeriodIndex(list(values), freq=frequency).array

    return convert


def _compile_extension(column: TypeSpec) -> Convert:
    import pandas as pd

    dtype = make_dtype(column)
    kind = dtype_kind(column["dtype"])
    narrow = _compile_narrow(column["dtype"].removesuffix("[pyarrow]").lower()) if kind == "int" else None

    def convert(values: Sequence[Any]) -> Any:
        _check_kinds(values, _JSON[kind], column)
        if narrow is not None:
            narrow([value for value in values if value is not None])
        return pd.array(list(values), dtype=dtype)

    return convert


def _compile_narrow(dtype: str) -> Convert:
    return compile_elements({"dtype": dtype}, compile_any)


def make_dtype(column: TypeSpec) -> Any:
    """Give the pandas dtype of a column of strings, of nullable numbers or of Arrow's."""
    import numpy as np
    import pandas as pd

    name = column["dtype"]
    if name.endswith("[pyarrow]"):
        import pyarrow as pa

        return pd.ArrowDtype(pa.type_for_alias(name.removesuffix("[pyarrow]")))
    if name not in ("str", "string"):
        return pd.api.types.pandas_dtype(name)
    storage = column.get("storage", "python")
    missing: dict[str, Any] = {"na_value": np.nan} if name == "str" else {}
    try:
        return pd.StringDtype(storage, **missing)
    except ImportError:
        # the strings behave the same; only their memory is laid out otherwise
        return pd.StringDtype("python", **missing)


def make_index(array: Any, name: Any) -> Any:
    """Give an index of an array; of objects, pandas would guess another dtype."""
    import pandas as pd

    return pd.Index(array, dtype=array.dtype if array.dtype == object else None, name=name)
