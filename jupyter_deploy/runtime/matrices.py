"""From NumPy arrays and pandas objects to lists; imported only once there is one."""

from __future__ import annotations

from typing import Any

import orjson

from .instants import NANOSECONDS, format_duration, format_instants
from .plain import CannotEncode, plain, plain_float, plain_key


def plain_array(array: Any) -> Any:
    """Convert an array to nested lists, a zero-dimensional one to its value."""
    kind = array.dtype.kind
    if kind == "O":
        return plain(array.tolist())
    return _nest(_plain_flat(array.ravel(), kind), array.shape)


def _plain_flat(flat: Any, kind: str) -> list[Any]:
    if kind in "iubU":
        return list(flat.tolist())
    if kind == "f" and flat.itemsize <= 8:
        return _plain_floats(flat)
    if kind == "M" and _unit(flat) not in ("ps", "fs", "as", "generic"):
        return format_instants(flat)
    if kind == "m" and _unit(flat) in NANOSECONDS:
        return _plain_durations(flat)
    if kind == "S":
        return [plain(each) for each in flat.tolist()]
    raise CannotEncode("", f"an array of {flat.dtype}", _ARRAY_ADVICE.get(kind, "convert it with .astype(...) first"))


_ARRAY_ADVICE = {
    "c": "return the real and the imaginary part as two arrays",
    "f": 'convert it with .astype("float64") first',
    "V": "return a dictionary of arrays or a pandas frame instead",
}


def _unit(array: Any) -> str:
    import numpy as np

    return str(np.datetime_data(array.dtype)[0])


def _plain_floats(flat: Any) -> list[Any]:
    import numpy as np

    # orjson knows the shortest text of a float32; Python's own floats would show its rounding
    if flat.itemsize == 8:
        values = flat.tolist()
    else:
        native = np.ascontiguousarray(flat, flat.dtype.newbyteorder("="))
        values = orjson.loads(orjson.dumps(native, option=orjson.OPT_SERIALIZE_NUMPY))
    for position in np.flatnonzero(~np.isfinite(flat)).tolist():
        values[position] = plain_float(float(flat[position]))
    return list(values)


def _plain_durations(flat: Any) -> list[str | None]:
    import numpy as np

    unit, count = np.datetime_data(flat.dtype)
    factor = NANOSECONDS[unit] * count
    missing = np.isnat(flat).tolist()
    counts = flat.view("int64").tolist()
    return [None if absent else format_duration(each * factor) for absent, each in zip(missing, counts, strict=True)]


def _nest(values: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return values[0]
    if len(shape) == 1:
        return values
    size = len(values) // shape[0] if shape[0] else 0
    return [_nest(values[start * size : (start + 1) * size], shape[1:]) for start in range(shape[0])]


def plain_pandas(value: Any) -> Any:
    """Convert a pandas object, or give `NotImplemented` for one that has its own Python base class."""
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return _plain_frame(value)
    if isinstance(value, (pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        return plain_column(value)
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Timedelta):
        return format_duration(value.as_unit("ns").value)
    if isinstance(value, (pd.Period, pd.Interval)):
        return str(value)
    return NotImplemented


def plain_column(column: Any) -> list[Any]:
    """Convert a series, an index or an extension array to a list."""
    import numpy as np

    if isinstance(column.dtype, np.dtype) and column.dtype.kind != "O":
        return list(plain_array(column.to_numpy()))
    return list(plain(column.tolist()))


def _plain_frame(frame: Any) -> list[dict[str, Any]]:
    if frame.columns.nlevels > 1:
        flat = 'frame.columns = ["_".join(map(str, name)) for name in frame.columns]'
        raise CannotEncode("", "a frame whose columns have several levels", f"give each one name: {flat}")
    names = [plain_key(name) for name in frame.columns]
    columns = []
    if not is_default_index(frame.index):
        levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
        unnamed = "level_{}" if len(levels) > 1 else "index"
        names[:0] = [
            unnamed.format(number) if name is None else plain_key(name) for number, name in enumerate(frame.index.names)
        ]
        columns = [plain_column(level) for level in levels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CannotEncode("", f"a frame with two columns (or an index) called {twice[0]!r}", "rename one of them")
    for name in frame.columns:
        try:
            columns.append(plain_column(frame[name]))
        except CannotEncode as error:
            raise error.inside(plain_key(name)) from None
    if not columns:
        return [{} for _ in range(len(frame))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def is_default_index(index: Any) -> bool:
    """Tell whether an index only counts the rows, so that it need not travel."""
    import pandas as pd

    return type(index) is pd.RangeIndex and index.start == 0 and index.step == 1 and index.name is None
