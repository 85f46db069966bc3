from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import sys
import types
import uuid

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_deploy.runtime.encode import CannotEncode, describe, encode, encode_parts, to_json


@dataclasses.dataclass
class Point:
    x: int
    _hidden: float = 0.5


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


class Model(pydantic.BaseModel):
    age: int = pydantic.Field(alias="years")


Pair = collections.namedtuple("Pair", "left right")
NAN, INF = float("nan"), float("inf")
DAY = dt.date(2020, 1, 2)

CASES = [
    ([1, 1.5, "é", True, None], '[1,1.5,"é",true,null]', "list[5] of None | bool | float | int | str"),
    ([NAN, INF, -INF], '[null,"Infinity","-Infinity"]', "list[3] of float | float(nan)"),
    ({"p": NAN, "null": INF}, '{"p":null,"null":"Infinity"}', "dict{p: float(nan), null: float}"),
    (2**70, "1180591620717411303424", "int"),
    ({"a": [2**64, NAN]}, '{"a":[18446744073709551616,null]}', "dict{a: list[2] of float(nan) | int}"),
    ("\ud800", '"\\ud800"', "str"),
    ((1, "a"), '[1,"a"]', "tuple[2] of int | str"),
    ({3, 1, 2}, "[1,2,3]", "set[3] of int"),
    ({1, "a"}, '["a",1]', "set[2] of int | str"),
    (frozenset("b"), '["b"]', "frozenset[1] of str"),
    (range(2), "[0,1]", "range"),
    (collections.deque([1]), "[1]", "collections.deque"),
    ({"a": 1}.values(), "[1]", "dict_values"),
    (types.MappingProxyType({"a": 1}), '{"a":1}', "mappingproxy{a: int}"),
    ({1.5: 2, True: 3, None: 4}, '{"1.5":2,"true":3,"null":4}', None),
    ({2: "a", DAY: 1, np.int64(3): 1}, '{"2":"a","2020-01-02":1,"3":1}', "dict{2: str, 2020-01-02: int, 3: int}"),
    (b"ab", '"YWI="', "bytes"),
    (decimal.Decimal("1.10"), '"1.10"', "decimal.Decimal"),
    (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"', "uuid.UUID"),
    (Colour.RED, "1", "test_encode.Colour"),
    (Number.ONE, "1", "test_encode.Number"),
    (Point(1), '{"x":1,"_hidden":0.5}', "test_encode.Point{x: int, _hidden: float}"),
    (Pair(1, None), '{"left":1,"right":null}', "test_encode.Pair{left: int, right: None}"),
    (Model(years=3), '{"years":3}', "test_encode.Model{age: int}"),
    (DAY, '"2020-01-02"', "datetime.date"),
    (dt.datetime(2020, 1, 2, 3, 4, 5, 6), '"2020-01-02T03:04:05.000006"', "datetime.datetime"),
    (dt.time(1, 2), '"01:02:00"', "datetime.time"),
    (dt.timedelta(days=1, hours=2, seconds=0.5), '"P1DT2H0.5S"', "datetime.timedelta"),
    (dt.timedelta(0), '"PT0S"', "datetime.timedelta"),
    (np.float32(0.1), "0.1", "numpy.float32"),
    (np.float64(NAN), "null", "numpy.float64(nan)"),
    (np.bool_(True), "true", None),
    (np.array([0.1, 1], "float32"), "[0.1,1.0]", "ndarray[float32](2,)"),
    (np.array([[1.0, INF], [NAN, 2]]), '[[1.0,"Infinity"],[null,2.0]]', "ndarray[float64](2, 2)"),
    (np.arange(6).reshape(2, 3).T, "[[0,3],[1,4],[2,5]]", "ndarray[int64](3, 2)"),
    (np.array(2.5), "2.5", "ndarray[float64]()"),
    (np.zeros((2, 0)), "[[],[]]", "ndarray[float64](2, 0)"),
    (np.array(["a", "b"]), '["a","b"]', "ndarray[<U1](2,)"),
    (np.array([1, None, "a"], object), '[1,null,"a"]', "ndarray[object](3,) of None | int | str"),
    (np.array(["2020-01-01T00:00:00.123456789", "NaT"], "datetime64[ns]"), '["2020-01-01T00:00:00.123456789",null]', None),
    (np.datetime64("2020"), '"2020-01-01"', "numpy.datetime64[Y]"),
    (np.array([90], "timedelta64[m]"), '["PT1H30M"]', "ndarray[timedelta64[m]](1,)"),
    (np.ma.array([1, 2], mask=[False, True]), "[1,null]", None),
    (pd.NaT, "null", "pandas.NaT"),
    (pd.NA, "null", "pandas.NA"),
    (pd.Timestamp("2020-01-01", tz="Europe/Berlin"), '"2020-01-01T00:00:00+01:00"', None),
    (pd.Timedelta("1ns"), '"PT0.000000001S"', "pandas.Timedelta"),
    (pd.Series([1.5, None], name="s"), "[1.5,null]", "Series[float64](2, name s)"),
    (pd.Index([1, 2]), "[1,2]", "Index[int64](2)"),
    (pd.Categorical(["a"]), '["a"]', None),
    (pd.DataFrame({"a": [1], "b": ["x"]}), '[{"a":1,"b":"x"}]', None),
    (pd.DataFrame({"a": [1, 2]}, index=[5, 6]), '[{"index":5,"a":1},{"index":6,"a":2}]', "DataFrame[a: int64](2 rows, index int64)"),
    (pd.DataFrame({1: [1.5]}, index=pd.Index(["q"], name="id")), '[{"id":"q","1":1.5}]', None),
    (pd.DataFrame({"n": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])),
     '[{"k":"a","level_1":1,"n":1},{"k":"b","level_1":2,"n":2}]', "DataFrame[n: int64](2 rows, index k: multi)"),
    (pd.DataFrame(index=range(2)), "[{},{}]", "DataFrame[](2 rows)"),
    ({"p": np.float64(0.5), "n": np.int64(1)}, '{"p":0.5,"n":1}', "dict{p: numpy.float64, n: numpy.int64}"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text", "kind"), CASES)
def test_values_become_json_and_a_description(value, text, kind):
    if text is not None:
        assert encode(value).decode() == text
        # the same in a container that holds a None, which makes the encoder look closer
        assert encode([None, value]).decode() == f"[null,{text}]"
    if kind is not None:
        assert describe(value) == kind


def test_what_can_be_read_once_is_read_once():
    assert encode(each for each in (1, None)) == b"[1,null]"
    assert encode({"a": map(str, [1])}) == b'{"a":["1"]}'


def test_tensors():
    torch = pytest.importorskip("torch")
    assert encode(torch.tensor([[0.1, float("inf")]])) == b'[[0.1,"Infinity"]]'
    assert encode({"t": torch.ones(1, dtype=torch.bfloat16, requires_grad=True)}) == b'{"t":[1.0]}'
    assert encode(torch.tensor(3)) == b"3"
    assert describe(torch.ones(2, 3)) == "Tensor[float32](2, 3)"


LOOP: list[object] = []
LOOP.append(LOOP)

REFUSED = [
    (object(), "", "of type object", "return numbers"),
    ({"a": [1, {"b": Point(1, lambda: 0)}]}, "a[1].b._hidden", "of type function", "return numbers"),
    ([1j], "[0]", "of type complex", "real and the imaginary"),
    ({"z": np.array([1j])}, "z", "an array of complex128", "two arrays"),
    (np.array([b"ab"], "V2"), "", "an array of |V2", "dictionary of arrays"),
    (np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), "", "an array of [('a'", "dictionary of arrays"),
    (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["a"], ["b", "c"]])), "",
     "a frame whose columns have several levels", "give each one name"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), "", "a frame with two columns (or an index) called 'a'", "rename"),
    (pd.DataFrame({"index": [1]}, index=[4]), "", "a frame with two columns (or an index) called 'index'", "rename"),
    (pd.DataFrame({"a": [1], "b": [object()]}), "b[0]", "of type object", "return numbers"),
    ({1: 1, "1": 2}, "", "a dictionary with two keys that are written '1'", "rename"),
    ({(1, 2): 3}, "", "a dictionary with the key (1, 2)", "text or numbers"),
    (LOOP, "", "nested too deeply, or contains itself", "flat"),
]


@pytest.mark.parametrize(("value", "path", "found", "advice"), REFUSED)
def test_what_json_cannot_carry_is_refused_with_its_place(value, path, found, advice):
    with pytest.raises(CannotEncode) as caught:
        encode(value)
    assert caught.value.path == path
    assert caught.value.found.startswith(found)
    assert advice in caught.value.advice
    assert str(caught.value).startswith(path or "the result")


def test_classes_of_the_notebook_are_described_as_in_the_service(monkeypatch):
    descriptions = set()
    for module in ("__main__", "service"):
        label = dataclasses.make_dataclass("Label", [("text", str)])
        label.__module__ = module
        descriptions.add(describe([label("x")]))
    assert descriptions == {"list[1] of Label{text: str}"}


@pytest.mark.parametrize(
    "value",
    [{f"key {number}": number for number in range(1000)}, [[number, str(number)] * number for number in range(100)], LOOP,
     pd.DataFrame({f"c{number}": [1] for number in range(500)})],
)  # fmt: skip
def test_descriptions_are_bounded(value):
    assert len(describe(value)) <= 400


def test_modules_that_are_not_loaded_are_not_imported(monkeypatch):
    for name in ("numpy", "pandas", "torch", "pydantic"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert to_json([{1, 2}, None, DAY, 2**70]) == [[1, 2], None, "2020-01-02", 2**70]
    assert not {"numpy", "pandas", "torch", "pydantic"} & set(sys.modules)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.decimals() | st.timedeltas()
    | st.floats(width=32).map(np.float32) | st.lists(st.floats(width=32), max_size=3).map(lambda each: np.array(each, "float32")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_a_value_reads_the_same_alone_and_beside_a_null(value):
    assert to_json([value, None]) == [to_json(value), None]


@pytest.mark.parametrize("values", [
    np.array([0.1, 1e300, -0.0, 5e-324]), np.array([np.inf, np.nan, -np.inf]), np.array([True, False]),
    np.array([2**64 - 1, 0], np.uint64), np.array([-7], np.int8), np.array([[1.0, 2.0], [3.0, 4.0]]),
    np.array([0.1, 2.5], np.float32), ["a,b", "c"], [1, None],
], ids=str)
def test_parts_are_written_as_each_alone(values: object) -> None:
    alone = [encode(values[place : place + 1]) for place in range(len(values))]
    assert list(encode_parts(values, [1] * len(values))) == alone
    assert list(encode_parts(values, [len(values)])) == [encode(values)]
    assert list(encode_parts(values, [0, *[1] * len(values)])) == [b"[]", *alone]
