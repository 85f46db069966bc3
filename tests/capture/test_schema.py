from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import sys
import typing
import uuid
import zoneinfo

import numpy as np
import orjson
import pandas as pd
import pydantic
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_deploy.capture.schema import (
    bind_call,
    find_class,
    infer_parameters,
    infer_returns,
    positional_names,
    value_to_request,
)
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime.decode import compile_decoder, compile_type_decoder
from jupyter_deploy.runtime.encode import describe
from jupyter_deploy.runtime.entries import by_position
from jupyter_deploy.runtime.manifest import Entry, Parameter
from jupyter_deploy.runtime.types import json_schema

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@dataclasses.dataclass
class Point:
    x: int
    y: float = 1.0
    child: typing.Optional[Point] = None  # noqa: UP045 - the older spelling must work too
    total: float = dataclasses.field(init=False, default=0.0)

    def __post_init__(self):
        self.total = self.x + self.y


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Pair(typing.NamedTuple):
    left: int
    right: str = "r"


class Options(typing.TypedDict, total=False):
    depth: int
    name: str


class Model(pydantic.BaseModel):
    age: int
    born: dt.date
    pair: list[float] = []


def describe_spec(value, annotation=None):
    def served(x):
        pass

    if annotation is not None:
        served.__annotations__ = {"x": annotation}
    (parameter,) = infer_parameters(served, [((value,), {})])
    return parameter


def travel(value, annotation=None):
    """Send a value the way a golden call goes: through the schema, the request's bytes and the decoder."""
    parameter = describe_spec(value, annotation)
    request = value_to_request([parameter], {"x": value})
    decode = compile_decoder(Entry("served", "served", (parameter,), {"kind": "any"}), find_class)
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(json_schema(parameter.type)).validate(request["x"])
    return decode(orjson.loads(orjson.dumps(request)))["x"]


def assert_same(got, value):
    assert describe(got) == describe(value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(got, value)
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(got, value)
    elif isinstance(value, np.ndarray):
        assert got.dtype == value.dtype
        np.testing.assert_array_equal(got, value)
    elif isinstance(value, list):
        for one, other in zip(got, value, strict=True):
            assert_same(one, other)
    else:
        assert got == value or (got != got and value != value)
        assert type(got) is type(value)


PLAIN = [
    1, -(2**63), 2**64 - 1, 1.5, 1e300, float("nan"), float("inf"), "a", "\x00é🎉", b"x", None, True, [], {}, [1, 2.5], [1, "a", None],
    [[1.0], []], {"a": 1, "b": "x"}, {1: 2.0}, {1.5: "x"}, {True: 1}, {dt.date(2020, 1, 1): 1}, {Colour.RED: 1}, (1, "a"), (), {1, 2},
    frozenset("ab"), [{"a": 1}, {"a": 2.5, "b": None}], dt.date(2020, 2, 29), dt.time(1, 2, 3, 4), dt.timedelta(-1, 2, 3),
    dt.datetime(2020, 1, 1, 0, 0, 0, 5), dt.datetime(2020, 7, 1, tzinfo=BERLIN), dt.datetime(2020, 7, 1, tzinfo=dt.timezone.utc),
    dt.datetime(2020, 7, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3))), decimal.Decimal("1.10"), uuid.UUID(int=5),
    Point(1, 2.0, Point(2)), Colour.BLUE, Pair(1, "a"), [Pair(1), Pair(2)], Model(age=3, born=dt.date(2000, 1, 1)),
]  # fmt: skip
NUMPY = [
    np.float64(1.5), np.float64("nan"), np.float32(0.1), np.float16(0.1), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.str_("a"),
    np.datetime64("2020-01-01T01", "h"), np.timedelta64(5, "ms"), {np.int64(1): 2},
    np.array([1.5, np.nan, np.inf]), np.array([0.1, -np.inf], "float32"), np.array([0.1, 65504], "float16"), np.arange(6).reshape(2, 3).T,
    np.zeros((2, 3, 4)), np.zeros((0, 3)), np.zeros((0,), "int8"), np.array(3.0), np.array([True, False]), np.array(["a", "bc"]),
    np.array([1, None, "a"], object), np.array([[1.0, "a"]], object), np.array(["2020-01-01", "NaT"], "datetime64[D]"),
    np.array(["2020-01-01T00:00:00.123456789"], "datetime64[ns]"), np.array([5, -1], "timedelta64[s]"), np.array([1.0, 2.0], ">f8"),
    [np.array([1.0]), np.array([2])],
]  # fmt: skip
PANDAS = [
    pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp("2020-01-01T00:00:00.123456789"), pd.Timedelta("1D 00:00:00.5"),
    [pd.Timestamp("2020-01-01", tz="Europe/Berlin")],
    pd.Series([1.0, None]), pd.Series([1, 2], index=[5, 7], name="q"), pd.Series({"a": 1, "b": "x"}), pd.Series(["a", None]),
    pd.Series(["u", "v"], dtype="category"), pd.Series([1.5], index=pd.to_datetime(["2020-01-01"])),
    pd.DataFrame([[1.0, 2.0], [3.0, np.nan]]), pd.DataFrame([[1, 2]], columns=[7, 3]), pd.DataFrame({"a": [1, 2]}, index=[3, 5]),
    pd.DataFrame({"a": [1]}, index=pd.Index(["q"], name="id")), pd.DataFrame({"index": [1]}, index=[4]),
    pd.DataFrame({"a": [1.0]}, index=pd.to_datetime(["2020-01-01"])), pd.DataFrame({"a": pd.Series([], dtype="float64")}), pd.DataFrame(),
    pd.DataFrame({"columns": [1], "data": ["a"]}), [pd.DataFrame({"a": [1]})],
]  # fmt: skip
COLUMNS = {
    "int64": pd.Series([1, -2]),
    "uint8": pd.Series([1, 255], dtype="uint8"),
    "float32": pd.Series([0.1, 0.2], dtype="float32"),
    "float with gaps": pd.Series([0.1, None]),
    "bool": pd.Series([True, False]),
    "text": pd.Series(["x", "y"]),
    "text with gaps": pd.Series(["x", None]),
    "object text": pd.Series(["x", "y"], dtype=object),
    "object text with NaN": pd.Series(["x", np.nan], dtype=object),
    "object text with None": pd.Series(["x", None], dtype=object),
    "mixed": pd.Series([1, "a"], dtype=object),
    "lists": pd.Series([[1, 2], [3]], dtype=object),
    "decimals": pd.Series([decimal.Decimal("1.10"), decimal.Decimal(2)], dtype=object),
    "days": pd.Series([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], dtype=object),
    "string": pd.Series(["x", None], dtype="string"),
    "string[python]": pd.Series(["x", None], dtype="string[python]"),
    "Int64": pd.Series([1, None], dtype="Int64"),
    "Int64, large": pd.Series([2**62 + 1, None], dtype="Int64"),
    "UInt8": pd.Series([1, 255], dtype="UInt8"),
    "Float32": pd.Series([1.5, None], dtype="Float32"),
    "boolean": pd.Series([True, None], dtype="boolean"),
    "category": pd.Series(pd.Categorical(["u", "v"], ["v", "w", "u"])),
    "ordered category with gaps": pd.Series(pd.Categorical(["u", None], ["v", "u"], ordered=True)),
    "category of integers": pd.Series(pd.Categorical([3, 1])),
    "category of floats": pd.Series(pd.Categorical([3.5, 1.0])),
    "category of days": pd.Series(pd.Categorical(pd.to_datetime(["2020-01-01", "2020-01-02"]))),
    "datetime": pd.Series(pd.to_datetime(["2020-01-01", None])),
    "datetime[s]": pd.Series(np.array(["2020-01-01", "1000-01-01"], "datetime64[s]")),
    "datetime[ns]": pd.Series(
        pd.to_datetime(["2020-01-01T00:00:00.000000001", "2020-01-02"], format="ISO8601").as_unit("ns")
    ),
    "datetime, Berlin": pd.Series(pd.to_datetime(["2020-01-01", "2020-07-01"]).tz_localize("Europe/Berlin")),
    "datetime, UTC": pd.Series(pd.to_datetime(["2020-01-01", None]).tz_localize("UTC")),
    "datetime, offset": pd.Series(pd.to_datetime(["2020-01-01", None]).tz_localize(dt.timezone(dt.timedelta(hours=2)))),
    "timedelta": pd.Series(pd.to_timedelta(["1D", None])),
    "period": pd.Series(pd.period_range("2020-01", periods=2, freq="M")),
    "arrow integers": pd.Series([1, None], dtype="int64[pyarrow]"),
}


def value_id(value):
    """Name a case; sets and functions print differently in each process, and the runner compares names."""
    if isinstance(value, (set, frozenset)) or callable(value):
        return type(value).__name__
    return f"{type(value).__name__} {value!r}"[:40].replace("\n", " ")


@pytest.mark.parametrize("value", PLAIN + NUMPY + PANDAS, ids=value_id)
def test_values_come_back_as_they_were(value):
    assert_same(travel(value), value)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_come_back_as_they_were(name):
    frame = pd.DataFrame({"c": COLUMNS[name], "n": [1, 2]})
    assert_same(travel(frame), frame)
    assert_same(travel(frame.iloc[1:]), frame.iloc[1:])
    assert_same(travel(COLUMNS[name]), COLUMNS[name])


def test_a_wide_frame_comes_back_as_it_was():
    frame = pd.DataFrame(COLUMNS)
    assert_same(travel(frame), frame)


ROWS = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize("table", [
    pd.DataFrame(ROWS), pd.DataFrame(ROWS).head(2), pd.DataFrame({"a": [1.0, 2], "b": [3.0, 4]}), pd.DataFrame(ROWS.copy("F")),
    pd.DataFrame(ROWS.astype("int32"), columns=list("abc")), ROWS, ROWS.copy("F"), ROWS[:2].astype("float32", order="F"),
], ids=value_id)  # fmt: skip
def test_numbers_lie_in_memory_as_they_did(table):
    """Linear algebra gives other last digits where they lie otherwise."""
    got = travel(table)
    assert_same(got, table)
    flags = [(array if isinstance(array, np.ndarray) else array.to_numpy()).flags for array in (got, table)]
    assert flags[0].c_contiguous == flags[1].c_contiguous
    assert flags[0].f_contiguous == flags[1].f_contiguous


def test_tensors_come_back_as_they_were():
    torch = pytest.importorskip("torch")
    for tensor in (torch.ones(2, 3), torch.tensor([1, 2]), torch.tensor([True]), torch.tensor([0.1, float("nan")]),
                   torch.tensor([0.1], dtype=torch.bfloat16), torch.tensor(1.5), torch.ones(1, requires_grad=True).detach()):  # fmt: skip
        got = travel(tensor)
        assert got.dtype == tensor.dtype
        assert torch.equal(got.nan_to_num(7), tensor.nan_to_num(7))


ANNOTATED = [
    (None, typing.Optional[int]),  # noqa: UP045 - the older spellings must work too
    ([1], typing.List[float]),  # noqa: UP006 - as above
    (True, typing.Union[int, bool, str]),  # noqa: UP007 - as above
    (3, float), (3.5, float), (1, int | None), ([1], list[float]), (1.5, "float"),
    ({"a": [1]}, dict[str, list[int]]), ((1, 2), tuple[int, ...]), ((1, "a"), tuple[int, str]), ({1}, set[int]), ("x", typing.Any),
    ({"a": [1, None]}, typing.Any), ("a", typing.Literal["a", "b"]), ("x", typing.Annotated[str, "doc"]), (5, "Unknown"), ("x", int),
    ({"depth": 1}, Options), ([{"depth": 1, "name": "n"}], "list[Options]"), (Point(1), Point), (Point(1), "Point | None"),
    (Colour.RED, Colour), (np.float64(2), float), (np.array([1.0]), np.ndarray), (pd.DataFrame({"a": [1]}), pd.DataFrame),
    (pd.DataFrame({"a": [1]}), typing.Any), ([1, "a"], list), (dt.date(2020, 1, 1), dt.date | str),
    ("free text", dt.date | str), (pd.Series([1]), "pd.Series"), (None, float), ("x", typing.NewType("Name", str)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "annotation"), ANNOTATED, ids=lambda value: value_id(value))
def test_annotated_values_come_back_as_they_were(value, annotation):
    assert_same(travel(value, annotation), value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], {"kind": "float", "integers": True}),
        ([1, True], {"kind": "union", "of": [{"kind": "bool"}, {"kind": "float", "integers": True}]}),
        ([(1, [2])], {"kind": "tuple", "items": [{"kind": "float", "integers": True}, {"kind": "list", "of": {"kind": "float", "integers": True}}]}),
        ([{"a": 1}], {"kind": "dict", "values": {"kind": "float", "integers": True}}),
        ([1, 2.5], {"kind": "float", "integers": True}),
        ([1, None], {"kind": "optional", "of": {"kind": "float", "integers": True}}),
        (["a"], {"kind": "str"}),
        ([[{"a": 1}, {"a": 2.5}]], {"kind": "list", "of": {"kind": "dict", "values": {"kind": "float", "integers": True}}}),
        ([np.zeros((2, 3)), np.zeros((5, 3))], {"kind": "array", "dtype": "float64", "shape": [-1, 3]}),
        ([np.zeros((2, 3)), np.zeros((5, 4))], {"kind": "array", "dtype": "float64", "shape": [-1, -1]}),
        ([np.zeros(3), [1.0]], {"kind": "union", "of": [{"kind": "array", "dtype": "float64", "shape": [-1]},
                                                        {"kind": "list", "of": {"kind": "float"}}]}),
    ],
)  # fmt: skip
def test_the_calls_decide_what_nobody_annotated(values, expected):
    def served(x):
        pass

    (parameter,) = infer_parameters(served, [((value,), {}) for value in values])
    assert parameter.type == expected


def test_annotations_widen_what_the_calls_show():
    def served(a: float, b: list[int] | None, c: typing.Literal["x", "y"], d: str = "z", *, e: float = None):  # noqa: RUF013 - notebooks say it like this
        pass

    a, b, c, d, e = infer_parameters(served, [((1, [1], "x"), {})])
    assert a.type == {"kind": "float", "integers": True}
    assert b.type == {"kind": "optional", "of": {"kind": "list", "of": {"kind": "int"}}}
    assert c.type == {"kind": "literal", "values": ["x", "y"]}
    assert (d.type, d.required, d.default) == ({"kind": "str"}, False, "z")
    assert (e.type, e.required) == ({"kind": "optional", "of": {"kind": "float"}}, False)


def test_calls_with_different_frames_are_joined():
    def served(rows):
        pass

    calls = [
        ((pd.DataFrame({"a": [1.0], "b": pd.Categorical(["x"])}),), {}),
        ((pd.DataFrame({"a": [None], "b": pd.Categorical(["y"])}).astype({"a": "float64"}),), {}),
    ]
    (parameter,) = infer_parameters(served, calls)
    a, b = parameter.type["columns"]
    assert a["nullable"]
    assert b["categories"] == ["x", "y"]


def test_frames_that_only_count_their_rows_come_back_so():
    """Of a table's head the index counts rows; of some of its rows it says which they were."""
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    some = frame.set_axis([7, 3, 5])
    parameters = infer_parameters(lambda rows: rows, [((frame,), {}), ((some,), {})])
    decode = compile_type_decoder(parameters[0].type)
    for one in (frame, some):
        back = decode(value_to_request(parameters, {"rows": one})["rows"], "rows")
        assert type(back.index) is type(one.index)
        pd.testing.assert_frame_equal(back, one)


def test_frames_of_different_columns_are_alternatives():
    def served(rows):
        pass

    frames = [pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.5]}), pd.DataFrame({"b": ["x"]})]
    parameters = infer_parameters(served, [((frame,), {}) for frame in frames])
    decode = compile_type_decoder(parameters[0].type)
    for frame in frames:
        assert_same(decode(value_to_request(parameters, {"rows": frame})["rows"], "rows"), frame)


def test_classes_of_the_notebook_are_written_for_the_service(monkeypatch):
    label = dataclasses.make_dataclass("Label", [("text", str)])
    label.__module__ = "__main__"
    monkeypatch.setattr(sys.modules["__main__"], "Label", label, raising=False)
    parameter = describe_spec(label("x"))
    assert parameter.type["class"] == "service:Label"
    assert value_to_request([parameter], {"x": label("x")}) == {"x": {"text": "x"}}


def test_arguments_are_named():
    def served(a, /, b, *, c=3, **more):
        pass

    assert bind_call(served, (1,), {"b": 2, "d": 4}) == {"a": 1, "b": 2, "d": 4}
    names = [(parameter.name, parameter.required) for parameter in infer_parameters(served, [((1,), {"b": 2, "d": 4})])]
    assert names == [("a", True), ("b", True), ("c", False), ("d", False)]
    with pytest.raises(CaptureError, match=r"served\(a, /, b"):
        bind_call(served, (), {})


def test_several_arguments_are_a_list():
    def served(kind, /, sign=-1, *values: int, scale=2):
        return kind, sign, values, scale

    calls = [(("a", 1, 5, 6), {"scale": 3}), (("b",), {})]
    parameters = infer_parameters(served, calls)
    assert [(one.name, one.required, one.type["kind"]) for one in parameters] == [
        ("kind", True, "str"), ("sign", False, "float"), ("values", False, "list"), ("scale", False, "float")]  # fmt: skip
    assert parameters[2].type["of"] == {"kind": "int"}
    assert positional_names(served) == ("kind", "sign", "*values")
    for args, kwargs in calls:
        assert by_position(served, positional_names(served))(**bind_call(served, args, kwargs)) == served(*args, **kwargs)
    assert by_position(served, positional_names(served))(kind="a", values=[7]) == ("a", -1, (7,), 2)


def test_named_features_are_required_where_every_call_gave_them():
    def served(**features):
        pass

    parameters = infer_parameters(served, [((), {"a": 1, "b": "x"}), ((), {"a": 2.5})])
    assert [(one.name, one.required, one.type["kind"]) for one in parameters] == [("a", True, "float"), ("b", False, "str")]


def test_the_annotation_of_named_features_counts():
    def served(**features: float):
        pass

    assert infer_parameters(served, [((), {"a": 1})])[0].type["kind"] == "float"


def test_wrappers_that_hide_what_they_take_are_refused():
    def predict(amount, city="x"):
        pass

    def timed(function):
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    with pytest.raises(CaptureError, match=r"functools.wraps\(function\) above def wrapper.*\(amount, city='x'\)"):
        infer_parameters(timed(predict), [])

    def anything(*args, **kwargs):
        pass

    with pytest.raises(CaptureError, match=r"takes \*args, \*\*kwargs(?s:.*)def anything\("):
        infer_parameters(anything, [])


REFUSED = [
    (object(), "of type object"),
    (1j, "complex"),
    (lambda: 0, "function"),
    (open, "builtin_function"),
    (np.array([1j]), "complex128"),
    (pd.DataFrame({"a": pd.interval_range(0, 2)}), "interval"),
    (pd.DataFrame({("a", "b"): [1]}), "column"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), "same name"),
    (pd.DataFrame([[1, 2]], columns=["1", 1]), "same name"),
    (pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)])), "reset_index"),
    ([{"a": {1, object}}], "type"),
    (2**70, "64-bit"),
    (scipy.sparse.eye(2), "take an array, and make the matrix"),
]


@pytest.mark.parametrize(("value", "text"), REFUSED, ids=lambda value: type(value).__name__)
def test_what_cannot_travel_is_refused_with_its_name(value, text):
    with pytest.raises(CaptureError, match=f"(?s)argument 'x'.*{text}"):
        travel(value)


def test_a_value_that_the_schema_does_not_foresee_is_refused():
    with pytest.raises(CaptureError, match=r"argument 'x'.*expected an integer"):
        value_to_request([Parameter("x", {"kind": "int"})], {"x": "a"})


@pytest.mark.parametrize(
    ("annotation", "results", "expected"),
    [
        (None, [np.zeros((2, 3))], {"kind": "array", "dtype": "float64", "shape": [-1, 3]}),
        ("dict[str, float]", [{"p": 0.5}], {"kind": "dict", "values": {"kind": "float"}}),
        (None, [object()], {"kind": "any"}),
        (None, [], {"kind": "any"}),
        ("Missing", [1], {"kind": "int"}),
    ],
)
def test_results_are_described(annotation, results, expected):
    def served():
        pass

    if annotation:
        served.__annotations__ = {"return": annotation}
    assert infer_returns(served, results) == expected


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(JSON_LIKE)
def test_any_plain_structure_comes_back_as_it_was(value):
    assert_same(travel(value), value)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(width=32), st.integers(-128, 127), st.datetimes(), st.sampled_from("uvw")),
        min_size=1,
        max_size=5,
    )
)
def test_any_frame_comes_back_as_it_was(rows):
    f, i, d, c = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {
            "f": np.array(f, "float32"),
            "i": np.array(i, "int8"),
            "d": pd.Series(np.array(d, "datetime64[us]")),
            "c": pd.Categorical(c, ["w", "v", "u"]),
            "z": pd.Series(np.array(d, "datetime64[s]")).dt.tz_localize("UTC"),
        }
    )
    assert_same(travel(frame), frame)
    assert json.dumps(value_to_request([describe_spec(frame)], {"x": frame}))
