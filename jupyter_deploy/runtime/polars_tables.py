"""Frames and series of polars: decoders with the notebook's dtypes, and their JSON."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from .arrays import Compile
from .frames import FrameReader
from .invalid import InvalidInput, name_found
from .manifest import TypeSpec
from .plain import plain
from .scalars import Decoder
from .types import spec_name


def compile_polars_frame(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take what a frame of pandas takes: records, columns, or `{"columns": […], "data": [[…]]}`."""
    import polars as pl

    reader = FrameReader(spec)
    builds = [_compile_column(column, compile_) for column in spec["columns"]]

    def decode(value: object, field: str) -> Any:
        columns, _, _ = reader.read(value, field)
        return pl.DataFrame([build(values, field) for build, values in zip(builds, columns, strict=True)])

    return decode


def compile_polars_series(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take a list."""
    build = _compile_column(spec["column"], compile_)
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        if type(value) is not list:
            raise InvalidInput(field, expected, name_found(value))
        return build(value, field)

    return decode


def _compile_column(column: TypeSpec, compile_: Compile) -> Callable[[list[Any], str], Any]:
    import polars as pl

    name, dtype, decode_one = column["name"], make_dtype(column), compile_(column["of"])
    nullable = bool(column.get("nullable"))
    unfit = (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError)

    def build(values: list[Any], field: str) -> Any:
        paths = [f"{field}[{row}]{f'.{name}' if name else ''}" for row in range(len(values))]
        decoded = [
            None if value is None and nullable else decode_one(value, path)
            for value, path in zip(values, paths, strict=True)
        ]
        try:
            return pl.Series(name, decoded, dtype, strict=True)
        except unfit as error:
            raise find_unfit(decoded, paths) from error

    def find_unfit(decoded: list[Any], paths: list[str]) -> InvalidInput:
        for value, path in zip(decoded, paths, strict=True):
            try:
                pl.Series(name, [value], dtype, strict=True)
            except unfit:
                return InvalidInput(path, f"a value of {column['dtype']}", name_found(value))
        return InvalidInput(paths[0], f"values of {column['dtype']}", "values that do not fit together")

    return build


def make_dtype(column: TypeSpec) -> Any:
    """Give the dtype that `describe_dtype` of the packaging side has described."""
    import polars as pl

    kind = getattr(pl, column["dtype"])
    match column["dtype"]:
        case "Datetime":
            return kind(column["unit"], column["tz"])
        case "Duration":
            return kind(column["unit"])
        case "List":
            return kind(make_dtype(column["inner"]))
    return kind


def plain_polars(value: Any) -> Any:
    """Convert a frame to records, a series to a list; `NotImplemented` for what is neither."""
    import polars as pl

    if isinstance(value, pl.DataFrame):
        columns = [_plain_series(column) for column in value.get_columns()]
        return [dict(zip(value.columns, row, strict=True)) for row in zip(*columns, strict=True)]
    return _plain_series(value) if isinstance(value, pl.Series) else NotImplemented


def _plain_series(series: Any) -> list[Any]:
    values = series.to_list()
    single = str(series.dtype) == "Float32"
    return [plain(_shorten(value) if single and value is not None else value) for value in values]


def _shorten(value: float) -> float:
    """Give a float32 the digits that tell it apart from other ones, as NumPy's are written."""
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    return next((float(text) for text in texts if struct.unpack("f", struct.pack("f", float(text)))[0] == value), value)


def describe_polars(value: Any) -> str | None:
    """Describe a frame or a series as answers are told apart by: with its dtypes."""
    import polars as pl

    if isinstance(value, pl.DataFrame):
        columns = ", ".join(f"{name}: {dtype}" for name, dtype in value.schema.items())
        return f"polars.DataFrame[{columns}]({len(value)} rows)"
    return f"polars.Series[{value.dtype}]({len(value)})" if isinstance(value, pl.Series) else None
