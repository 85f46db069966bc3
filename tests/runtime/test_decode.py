from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_deploy.runtime.decode import InvalidInput, compile_decoder, compile_type_decoder
from jupyter_deploy.runtime.manifest import Entry, Parameter


@dataclasses.dataclass
class Ratio:
    part: float
    whole: float

    def __post_init__(self):
        if not self.whole:
            raise ZeroDivisionError("the whole is zero")


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Model(pydantic.BaseModel):
    ages: list[int]

    @pydantic.field_validator("ages")
    @classmethod
    def check(cls, ages: list[int]) -> list[int]:
        if 13 in ages:
            raise ValueError("13 is no age")
        return ages


INT, FLOAT, STR = {"kind": "int"}, {"kind": "float"}, {"kind": "str"}
TEXT = {"name": None, "dtype": "object", "of": STR}
NEW_TEXT = "str" if pd.__version__ >= "3" else "string"
FRAME = {
    "kind": "frame",
    "index": None,
    "columns": [
        {"name": "age", "dtype": "int64"},
        {"name": "income", "dtype": "float64", "nullable": True},
        {"name": "plan", "dtype": "category", "categories": ["basic", "pro"], "category": TEXT},
        {"name": "since", "dtype": "datetime64[ns]"},
    ],
}
ROW = {"age": 41, "income": 1.5, "plan": "pro", "since": "2020-01-01"}
UNIFORM = {"kind": "frame", "index": None, "columns": [{"name": name, "dtype": "float64"} for name in "ab"]}
INDEXED = {**UNIFORM, "index": {"name": None, "dtype": "int64", "required": False}}
NAMED = {**UNIFORM, "index": {"name": "id", "dtype": "int64", "required": True}}
ARRAY = {"kind": "array", "dtype": "float64", "shape": [-1, 2]}
RATIO = {
    "kind": "object",
    "of": "dataclass",
    "class": f"{__name__}:Ratio",
    "fields": [{"name": name, "type": FLOAT, "required": True} for name in ("part", "whole")],
}
COLOUR = {"kind": "enum", "class": f"{__name__}:Colour", "values": {"RED": 1, "BLUE": "b"}}
MODEL = {"kind": "object", "of": "pydantic", "class": f"{__name__}:Model", "fields": []}
LABELS = {"kind": "series", "column": {"name": None, "dtype": "float64"}, "labels": ["a", "b"],
          "index": TEXT}  # fmt: skip

REFUSED = [
    (INT, 1.0, "x", "an integer", "the number 1.0"),
    (INT, True, "x", "an integer", "true"),
    ({"kind": "bool"}, 1, "x", "true or false", "the integer 1"),
    (FLOAT, None, "x", "a number", "null"),
    (FLOAT, "1", "x", "a number", 'the text "1"'),
    (FLOAT, 10**400, "x", "a number", "a huge integer"),
    (STR, 1, "x", "text", "the integer 1"),
    ({"kind": "date"}, "2020-02-30", "x", "a date, YYYY-MM-DD", 'the text "2020-02-30"'),
    ({"kind": "datetime", "tz": "UTC"}, "2020-01-01T00:00:00", "x", "a date and time in ISO 8601 with a time zone", None),
    ({"kind": "datetime", "tz": None}, "2020-01-01T00:00:00Z", "x", "a date and time in ISO 8601 without a time zone", None),
    ({"kind": "bytes"}, "no base64!", "x", "bytes as base64", None),
    ({"kind": "timedelta"}, "P", "x", "a duration in ISO 8601, P1DT2H", None),
    ({"kind": "list", "of": {"kind": "list", "of": INT}}, [[1], [2, "a"]], "x[1][1]", "an integer", 'the text "a"'),
    ({"kind": "dict", "values": INT}, {"a": {"b": 1}}, "x.a", "an integer", "an object with b"),
    ({"kind": "dict", "values": INT, "keys": INT}, {"a": 1}, "x.a", "an integer", 'the text "a"'),
    ({"kind": "tuple", "items": [INT, STR]}, [1], "x", "a list of 2", "a list of 1"),
    ({"kind": "set", "of": {"kind": "any"}}, [[1]], "x", "a list of values that a set can hold", "a list of 1"),
    ({"kind": "union", "of": [INT, {"kind": "list", "of": INT}]}, [1, "a"], "x[1]", "an integer", 'the text "a"'),
    ({"kind": "literal", "values": ["a", 1]}, True, "x", "one of 'a', 1", "true"),
    (COLOUR, 2, "x", "one of 1, 'b'", "the integer 2"),
    (RATIO, {"part": 1, "hole": 2}, "x.hole", "the fields part, whole", 'the unknown "hole" (did you mean "whole"?)'),
    (RATIO, {"part": 1}, "x.whole", "a value: the field is required", "nothing"),
    (RATIO, {"part": 1, "whole": 0}, "x", "an object with part, whole", "an object with part, whole: the whole is zero"),
    (MODEL, {"ages": [13]}, "x.ages", "what passes its checks (13 is no age)", "a list of 1"),
    (MODEL, {}, "x.ages", "a value: the field is required", "nothing"),
    (MODEL, {"ages": [1, "a"]}, "x.ages[1]", "a valid integer, unable to parse string as an integer", None),
    ({"kind": "scalar", "dtype": "int8"}, 128, "x", "an integer (int8)", "the integer 128"),
    ({"kind": "array", "dtype": "float64", "shape": [3]}, [1, 2], "x", "a list of float64 (3)", "a list of 2"),
    ({"kind": "array", "dtype": "float64", "shape": [-1]}, [1, True], "x[1]", "a number (float64)", "true"),
    ({"kind": "array", "dtype": "float64", "shape": [-1]}, [1, "2"], "x[1]", "a number (float64)", 'the text "2"'),
    ({"kind": "array", "dtype": "float32", "shape": [-1]}, [1e300], "x[0]", "a number (float32)", "the number 1e+300"),
    ({"kind": "array", "dtype": "bool", "shape": [-1]}, [True, 1], "x[1]", "true or false (bool)", "the integer 1"),
    (ARRAY, [[1, 2], [3]], "x[1]", "nested lists of float64 (any by 2)", "a list of 1"),
    (ARRAY, [[1, 2], [3, None]], "x[1][1]", "a number (float64)", "null"),
    ({"kind": "array", "dtype": "datetime64[ns]", "shape": [-1]}, ["9999-01-01"], "x[0]", "a date and time (datetime64[ns])", None),
    ({"kind": "array", "dtype": "timedelta64[s]", "shape": [-1]}, ["PT0.5S"], "x[0]", None, None),
    (UNIFORM, [{"a": 1, "b": 2}, {"a": 1, "b": "x"}], "x[1].b", "a number (float64)", 'the text "x"'),
    (FRAME, [ROW, {**ROW, "age": 1.5}], "x[1].age", "an integer (int64)", "the number 1.5"),
    (FRAME, [{**ROW, "age": None}], "x[0].age", "an integer (int64)", "null"),
    (FRAME, [{**ROW, "plan": "premium"}], "x[0].plan", "one of the categories basic, pro", 'the text "premium"'),
    (FRAME, [{**ROW, "plan": []}], "x[0].plan", "one of the categories basic, pro", "an empty list"),
    (FRAME, [{**ROW, "since": "yesterday"}], "x[0].since", "a date and time (datetime64[ns])", 'the text "yesterday"'),
    (FRAME, [{**ROW, "agee": 1}], "x[0].agee", None, 'the unknown "agee" (did you mean "age"?)'),
    (FRAME, [{"age": 1}], "x[0].income", "a value: the column is required", "nothing"),
    (FRAME, ROW, "x.age", "a list of 0", "the integer 41"),
    (FRAME, {"columns": ["age"], "data": []}, "x.columns.income", "a value: the column is required", "nothing"),
    (FRAME, "rows", "x", "a list of records with the columns age, income, plan, since", 'the text "rows"'),
    (UNIFORM, {"columns": ["a", "b"], "data": [[1]]}, "x.data[0]", "a list of 2", "a list of 1"),
    (UNIFORM, {"columns": ["a", "b", "b"], "data": []}, "x.columns", "each column once", "a list of 3"),
    (UNIFORM, {"a": [1, 2], "b": [1]}, "x.b", "a list of 2", "a list of 1"),
    (INDEXED, [{"a": 1, "b": 2, "index": "q"}], "x[0].index", "an integer (int64)", 'the text "q"'),
    (INDEXED, [{"a": 1, "b": 2, "index": 1}, {"a": 1, "b": 2}], "x[1].index", "a value: the column is required", "nothing"),
    (NAMED, [{"a": 1, "b": 2}], "x[0].id", "the index of the frame", "nothing"),
    (LABELS, {"a": 1, "c": 2}, "x.c", "the labels a, b", None),
    (LABELS, [1], "x", "a list of float64", "a list of 1"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "value", "field", "expected", "found"), REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(spec, value, field, expected, found):
    with pytest.raises(InvalidInput) as caught:
        compile_type_decoder(spec)(value, "x")
    error = caught.value
    assert error.field == field
    assert expected is None or error.expected == expected
    assert found is None or error.found == found
    assert str(error) == f"{error.field}: expected {error.expected}, found {error.found}"


@pytest.mark.parametrize(
    ("spec", "value", "result"),
    [
        (FLOAT, 3, 3.0),
        (FLOAT, "-Infinity", float("-inf")),
        ({"kind": "float", "integers": True}, 3, 3),
        ({"kind": "any"}, {"a": [None]}, {"a": [None]}),
        ({"kind": "list", "of": FLOAT}, [1, 2.5], [1.0, 2.5]),
        (COLOUR, "BLUE", Colour.BLUE),
        (COLOUR, "b", Colour.BLUE),
        (RATIO, {"part": 1, "whole": 2}, Ratio(1.0, 2.0)),
        (MODEL, {"ages": [1]}, Model(ages=[1])),
        ({"kind": "dict", "values": INT, "keys": {"kind": "float"}}, {"1": 1, "2.5": 2}, {1.0: 1, 2.5: 2}),
        ({"kind": "datetime", "tz": "UTC"}, "2020-01-01T02:00:00+02:00", "2020-01-01 00:00:00+00:00"),
        ({"kind": "decimal"}, 3, "3"),
    ],
)
def test_what_fits_is_converted(spec, value, result):
    got = compile_type_decoder(spec)(value, "x")
    assert (str(got) if isinstance(result, str) else got) == result
    assert isinstance(result, str) or type(got) is type(result)


@pytest.mark.parametrize(
    "value",
    [
        [{"b": 2, "a": 1}, {"a": 3, "b": 4.5}],
        {"columns": ["b", "a"], "data": [[2, 1], [4.5, 3]]},
        {"columns": ["b", "a"], "data": [[2, 1], [4.5, 3]], "index": [7, 8]},
        {"b": [2, 4.5], "a": [1, 3]},
    ],
)
def test_every_form_of_a_frame_gives_the_notebooks_columns(value):
    got = compile_type_decoder(UNIFORM)(value, "x")
    pd.testing.assert_frame_equal(got, pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 4.5]}))


@pytest.mark.parametrize(
    "value",
    [
        [{"a": 1, "b": 2, "index": 7}],
        {"columns": ["a", "b"], "data": [[1, 2]], "index": [7]},
        {"a": [1], "b": [2], "index": [7]},
    ],
)
def test_every_form_of_a_frame_can_carry_its_index(value):
    got = compile_type_decoder(INDEXED)(value, "x")
    pd.testing.assert_frame_equal(got, pd.DataFrame({"a": [1.0], "b": [2.0]}, index=[7]))


def test_an_index_that_only_counted_may_be_left_out():
    got = compile_type_decoder(INDEXED)([{"a": 1, "b": 2}], "x")
    pd.testing.assert_frame_equal(got, pd.DataFrame({"a": [1.0], "b": [2.0]}))


def test_frames_are_built_alike_without_the_shortcut(monkeypatch):
    shortcut = compile_type_decoder(FRAME)([ROW, ROW], "x")
    monkeypatch.delattr(pd.DataFrame, "_from_arrays")
    pd.testing.assert_frame_equal(compile_type_decoder(FRAME)([ROW, ROW], "x"), shortcut)
    assert shortcut["income"].sum() == 3.0


def test_a_frame_can_be_changed_by_the_function():
    for spec, rows in ((UNIFORM, [{"a": 1, "b": 2}]), (FRAME, [ROW])):
        frame = compile_type_decoder(spec)(rows, "x")
        frame["new"] = 1
        frame.iloc[0, 0] = 5
        assert frame.iloc[0].tolist()[0] == 5


def test_a_series_with_labels_takes_values_by_name():
    decode = compile_type_decoder(LABELS)
    pd.testing.assert_series_equal(decode({"b": 2, "a": 1}, "x"), decode([1, 2], "x"))
    assert decode([1, 2], "x")["b"] == 2.0


def entry(*parameters):
    return Entry("f", "f", tuple(Parameter(*parameter) for parameter in parameters), {"kind": "any"})


def test_requests_become_keyword_arguments():
    decode = compile_decoder(entry(("age", INT), ("income", FLOAT, False)))
    assert decode({"age": 1}) == {"age": 1}
    assert decode({"income": 1, "age": 1}) == {"age": 1, "income": 1.0}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ([], "the request: expected an object with the arguments age, income, found an empty list"),
        ({}, "age: expected a value: the argument is required, found nothing"),
        ({"agee": 1}, 'agee: expected the arguments age, income, found the unknown "agee" (did you mean "age"?)'),
        ({"age": 1, "x": 1}, 'x: expected the arguments age, income, found the unknown "x"'),
        ({"age": "a"}, 'age: expected an integer, found the text "a"'),
    ],
)
def test_requests_with_other_names_are_refused(request_, message):
    with pytest.raises(InvalidInput) as caught:
        compile_decoder(entry(("age", INT), ("income", FLOAT, False)))(request_)
    assert str(caught.value) == message


ALL = [spec for spec, *_ in REFUSED] + [
    {"kind": "none"}, {"kind": "decimal"}, {"kind": "uuid"}, {"kind": "time"}, {"kind": "optional", "of": INT}, {"kind": "any"},
    {"kind": "datetime"}, {"kind": "datetime", "class": "timestamp", "tz": "Europe/Berlin", "unit": "us"},
    {"kind": "timedelta", "class": "pandas"}, {"kind": "dict", "values": FLOAT, "keys": {"kind": "date"}},
    *({"kind": "scalar", "dtype": dtype, "nullable": nullable} for nullable in (False, True)
      for dtype in ("float16", "uint64", "bool", "str", "datetime64[s]", "timedelta64[ns]")),
    {"kind": "array", "dtype": "object", "of": RATIO, "shape": [-1, -1], "nullable": True, "missing": "NaN"},
    {"kind": "array", "dtype": "float32", "shape": []},
    {"kind": "series", "column": {"name": "s", "dtype": "Int64", "nullable": True}, "index": TEXT},
    *({"kind": "frame", "index": None, "columns": [{"name": "a", "nullable": nullable, **column}]} for nullable in (False, True)
      for column in ({"dtype": "Int8"}, {"dtype": "Float32"}, {"dtype": "boolean"}, {"dtype": "string"}, {"dtype": NEW_TEXT}, {"dtype": "int32"},
                     {"dtype": "period[M]"}, {"dtype": "datetime64[us, UTC]", "tz": "UTC"}, {"dtype": "datetime64[s]"}, {"dtype": "object"},
                     {"dtype": "category", "categories": [1, 2], "category": {"dtype": "int64", "name": None}}, {"dtype": "double[pyarrow]"})),
]  # fmt: skip

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["NaN", "Infinity", "NaT", "now", "2020-01-01", "0000-00-00", "9999-12-31T23:59:59.999999999", "2020-01-01T00:00:00Z",
                       "2020-01-01T00:00:00+99:00", "0001-01-01T00:00:00+14:00", "P1D", "-P99999999999D", "PT", "12:00", "2020-13", "RED", "b", "1", "1e400",
                       10**400, -(2**63), 2**64])
)  # fmt: skip
KEYS = st.sampled_from(["a", "b", "age", "income", "plan", "since", "part", "whole", "columns", "data", "index", "ages", "2020-01-01", "1"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4)
    | st.fixed_dictionaries({"a": inner, "b": inner})
    | st.fixed_dictionaries({"age": inner, "income": inner, "plan": inner, "since": inner})
    | st.fixed_dictionaries({"columns": st.just(["a"]), "data": st.lists(st.lists(inner, min_size=1, max_size=1), max_size=2)})
    | st.lists(st.fixed_dictionaries({"a": inner}), max_size=2),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ALL), JSON)
def test_any_json_gives_a_value_or_a_refusal(spec, value):
    decode = DECODERS[ALL.index(spec)]
    try:
        decode(value, "x")
    except InvalidInput as error:
        refusal = error
    else:
        return
    assert refusal.field.startswith("x")
    assert len(str(refusal)) < 600


DECODERS = [compile_type_decoder(spec) for spec in ALL]


def test_nothing_heavy_is_imported_before_a_type_needs_it():
    code = (
        "import sys; from jupyter_deploy.runtime import decode, encode, tables, types; "
        "decode.compile_type_decoder({'kind': 'list', 'of': {'kind': 'float'}})([1], 'x'); encode.encode({'a': [1.5, None]}); "
        "print([name for name in ('numpy', 'pandas', 'torch', 'pydantic') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_arrays_are_writable_and_exact():
    array = compile_type_decoder(ARRAY)([[1, 2], [3, 4]], "x")
    array[0, 0] = 9
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
