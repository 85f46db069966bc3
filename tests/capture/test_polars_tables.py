"""Frames and series of polars travel as JSON and come back as they were: dtypes, nulls and all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from jupyter_deploy.capture.schema import infer_parameters, value_to_request
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime.decode import InvalidInput, compile_type_decoder
from jupyter_deploy.runtime.encode import describe, to_json
from jupyter_deploy.runtime.manifest import Parameter
from jupyter_deploy.runtime.types import json_schema

pl = pytest.importorskip("polars")


def served(x: Any) -> None:
    pass


def infer_one(value: Any) -> Parameter:
    return infer_parameters(served, [((value,), {})])[0]


def make_frame() -> Any:
    moments = [dt.datetime(2024, 7, 1, 12, 30, 0, 5), None]
    return pl.DataFrame(
        {
            "i": pl.Series([1, None], dtype=pl.Int16),
            "u": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
            "f": [1.5, float("inf")],
            "g": pl.Series([0.1, None], dtype=pl.Float32),
            "s": ["é", None],
            "c": pl.Series(["a", "b"], dtype=pl.Categorical),
            "b": [True, None],
            "d": [dt.date(2024, 2, 29), None],
            "t": pl.Series(moments, dtype=pl.Datetime("ms")),
            "z": pl.Series(moments, dtype=pl.Datetime("us")).dt.replace_time_zone("Europe/Berlin"),
            "e": [dt.timedelta(days=1, microseconds=3), None],
            "h": [dt.time(1, 2, 3), None],
            "y": [b"\x00\xff", None],
            "l": [[1, None], []],
        }
    )


def test_a_frame_comes_back_as_it_was() -> None:
    frame = make_frame()
    parameter = infer_one(frame)
    request = value_to_request([parameter], {"x": frame})["x"]
    assert request[0]["g"] == 0.1
    back = compile_type_decoder(parameter.type)(request, "x")
    assert back.schema == frame.schema
    assert back.equals(frame, null_equal=True)
    assert describe(back) == describe(frame)
    assert describe(frame).startswith("polars.DataFrame[i: Int16, u: UInt64, f: Float64")


def test_other_forms_of_a_frame() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    decode = compile_type_decoder(infer_one(frame).type)
    assert decode({"b": ["x", "y"], "a": [1, 2]}, "x").equals(frame)
    assert decode({"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}, "x").equals(frame)
    assert decode([], "x").schema == frame.schema


def test_a_series_comes_back_as_it_was() -> None:
    series = pl.Series("rent", [1, None, 3], dtype=pl.UInt8)
    parameter = infer_one(series)
    back = compile_type_decoder(parameter.type)(to_json(series), "x")
    assert back.equals(series, check_names=True, check_dtypes=True, null_equal=True)
    assert json_schema(parameter.type) == {"type": "array", "items": {"type": ["integer", "null"]}}


@pytest.mark.parametrize(("column", "value", "message"), [
    ("i", 2.5, r"x\[0\]\.i: expected an integer, found the number 2.5"),
    ("i", 40000, r"x\[0\]\.i: expected a value of Int16, found"),
    ("u", None, r"x\[0\]\.u: expected an integer, found null"),
    ("z", "2024-01-01T00:00:00", r"x\[0\]\.z: expected a date and time"),
])  # fmt: skip
def test_what_does_not_fit_is_named(column: str, value: Any, message: str) -> None:
    frame = make_frame()
    parameter = infer_one(frame)
    record = to_json(frame)[0]
    with pytest.raises(InvalidInput, match=message):
        compile_type_decoder(parameter.type)([record | {column: value}], "x")


@pytest.mark.parametrize(("make", "message"), [
    (lambda: pl.DataFrame({"a": [1.0, float("nan")]}), r"'a' with NaN(?s:.*)fill_nan"),
    (lambda: pl.DataFrame({"a": [{"b": 1}]}), r"Struct(?s:.*)\.cast"),
    (lambda: pl.LazyFrame({"a": [1]}), r"LazyFrame(?s:.*)\.lazy\(\)"),
])  # fmt: skip
def test_what_cannot_travel_is_refused(make: Any, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        infer_one(make())
