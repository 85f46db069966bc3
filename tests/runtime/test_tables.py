from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_deploy.runtime.decode import InvalidInput, compile_decoder
from jupyter_deploy.runtime.manifest import Entry, Parameter
from jupyter_deploy.runtime.tables import FormDecoder

FLOAT, INT, STR = {"kind": "float"}, {"kind": "int"}, {"kind": "str"}
FRAME = {"kind": "frame", "index": None, "columns": [{"name": "a", "dtype": "int64"}, {"name": "b", "dtype": "object", "of": STR}]}


def forms(*parameters):
    entry = Entry("f", "f", tuple(Parameter(*parameter) for parameter in parameters), {"kind": "any"})
    return FormDecoder(entry, compile_decoder(entry))


ENTRIES = {
    "frame": forms(("rows", FRAME), ("threshold", FLOAT, False)),
    "scalars": forms(("x", FLOAT), ("n", INT, False)),
    "matrix": forms(("x", {"kind": "array", "dtype": "float64", "shape": [-1, 2]})),
    "vector": forms(("x", {"kind": "array", "dtype": "float64", "shape": [2]})),
    "column": forms(("x", {"kind": "array", "dtype": "float64", "shape": [-1]})),
    "texts": forms(("texts", {"kind": "list", "of": STR})),
    "records": forms(("rows", {"kind": "list", "of": {"kind": "dict", "values": {"kind": "any"}}})),
    "record": forms(("features", {"kind": "dict", "values": FLOAT})),
    "text": forms(("text", STR)),
    "nothing": forms(),
    "anything": forms(("value", {"kind": "any"})),
}


def plain(arguments):
    def convert(value):
        return value.values.tolist() if hasattr(value, "values") and not isinstance(value, dict) else np.asarray(value).tolist()

    return {name: value if isinstance(value, (dict, list, str)) else convert(value) for name, value in arguments.items()}


def tensor(name, datatype, shape, data):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


ONE = [{"rows": [[1, "x"], [2, "y"]]}]
CASES = [
    ("frame", "read_table", (["b", "a"], [["x", 1], ["y", 2]]), ONE, False),
    ("frame", "read_records", ([{"a": 1, "b": "x"}, {"b": "y", "a": 2}],), ONE, False),
    ("frame", "read_csv", ("b,a\nx,1\ny,2\n",), ONE, False),
    ("frame", "read_csv", (",a,b\n7,1,x\n8,2,y\n",), ONE, False),
    ("frame", "read_instances", ([[1, "x"], [2, "y"]],), ONE, False),
    ("frame", "read_instances", ([{"a": 1, "b": "x"}, {"b": "y", "a": 2}],), ONE, False),
    ("frame", "read_instances", ([{"rows": [{"a": 1, "b": "x"}], "threshold": 1}],), [{"rows": [[1, "x"]], "threshold": 1.0}], True),
    ("frame", "read_inputs", ({"a": [1, 2], "b": ["x", "y"]},), ONE, False),
    ("frame", "read_inputs", ({"rows": {"a": [1, 2], "b": ["x", "y"]}},), ONE, False),
    ("frame", "read_tensors", ([tensor("b", "BYTES", [2, 1], [["x"], ["y"]]), tensor("a", "INT64", [2], [1, 2])],), ONE, False),
    ("frame", "read_tensors", ([tensor("rows", "BYTES", [0, 2], [])],), [{"rows": []}], False),
    ("scalars", "read_table", (["n", "x"], [[1, 2], [3, 4]]), [{"x": 2.0, "n": 1}, {"x": 4.0, "n": 3}], True),
    ("scalars", "read_csv", ("x,n\n1.5,2\n",), [{"x": 1.5, "n": 2}], True),
    ("scalars", "read_csv", ("1.5,2\n3,4\n",), [{"x": 1.5, "n": 2}, {"x": 3.0, "n": 4}], True),
    ("scalars", "read_instances", ([{"x": 1}],), [{"x": 1.0}], True),
    ("scalars", "read_instances", ([[1, 2]],), [{"x": 1.0, "n": 2}], True),
    ("scalars", "read_instances", ([1, 2],), [{"x": 1.0}, {"x": 2.0}], True),
    ("scalars", "read_inputs", ({"x": 1, "n": 2},), [{"x": 1.0, "n": 2}], False),
    ("scalars", "read_inputs", ({"x": [1, 3], "n": [2, 4]},), [{"x": 1.0, "n": 2}, {"x": 3.0, "n": 4}], True),
    ("scalars", "read_tensors", ([tensor("x", "FP32", [2, 1], [[1], [3]]), tensor("n", "INT8", [2], [2, 4])],), [{"x": 1.0, "n": 2}, {"x": 3.0, "n": 4}], True),
    ("scalars", "read_tensors", ([tensor("x", "FP32", [], [1])],), [{"x": 1.0}], False),
    ("matrix", "read_table", (["p", "q"], [[1, 2]]), [{"x": [[1.0, 2.0]]}], False),
    ("matrix", "read_instances", ([[1, 2], [3, 4]],), [{"x": [[1.0, 2.0], [3.0, 4.0]]}], False),
    ("matrix", "read_instances", ([[[1, 2]], [[3, 4]]],), [{"x": [[1.0, 2.0]]}, {"x": [[3.0, 4.0]]}], True),
    ("matrix", "read_csv", ("1,2\n3,4\n",), [{"x": [[1.0, 2.0], [3.0, 4.0]]}], False),
    ("matrix", "read_csv", ("p,q\n1,2\n",), [{"x": [[1.0, 2.0]]}], False),
    ("matrix", "read_inputs", ([[1, 2]],), [{"x": [[1.0, 2.0]]}], False),
    ("matrix", "read_inputs", ({"x": [[1, 2]]},), [{"x": [[1.0, 2.0]]}], False),
    ("matrix", "read_tensors", ([tensor("input-0", "FP64", [2, 2], [1, 2, 3, 4])],), [{"x": [[1.0, 2.0], [3.0, 4.0]]}], False),
    ("matrix", "read_tensors", ([tensor("x", "FP64", [2, 1, 2], [[[1, 2]], [[3, 4]]])],), [{"x": [[1.0, 2.0]]}, {"x": [[3.0, 4.0]]}], True),
    ("vector", "read_instances", ([[1, 2], [3, 4]],), [{"x": [1.0, 2.0]}, {"x": [3.0, 4.0]}], True),
    ("vector", "read_table", (["p", "q"], [[1, 2]]), [{"x": [1.0, 2.0]}], True),
    ("vector", "read_tensors", ([tensor("x", "FP32", [2], [1, 2])],), [{"x": [1.0, 2.0]}], False),
    ("vector", "read_tensors", ([tensor("x", "FP32", [1, 2], [1, 2])],), [{"x": [1.0, 2.0]}], True),
    ("column", "read_table", (["x"], [[1], [2]]), [{"x": [1.0, 2.0]}], False),
    ("column", "read_instances", ([1, 2],), [{"x": [1.0, 2.0]}], False),
    ("column", "read_instances", ([[1], [2, 3]],), [{"x": [1.0]}, {"x": [2.0, 3.0]}], True),
    ("texts", "read_instances", (["a", "b"],), [{"texts": ["a", "b"]}], False),
    ("texts", "read_csv", ("texts\na\nb\n",), [{"texts": ["a", "b"]}], False),
    ("texts", "read_tensors", ([tensor("i", "BYTES", [2], ["a", "b"])],), [{"texts": ["a", "b"]}], False),
    ("records", "read_csv", ("a,b\n1,x\n",), [{"rows": [{"a": 1, "b": "x"}]}], False),
    ("records", "read_instances", ([{"a": 1}],), [{"rows": [{"a": 1}]}], False),
    ("records", "read_tensors", ([tensor("a", "FP32", [2], [1, 2])],), [{"rows": [{"a": 1}, {"a": 2}]}], False),
    ("record", "read_instances", ([{"a": 1}, {"b": 2}],), [{"features": {"a": 1.0}}, {"features": {"b": 2.0}}], True),
    ("record", "read_csv", ("a,b\n1,2\n",), [{"features": {"a": 1.0, "b": 2.0}}], True),
    ("record", "read_inputs", ({"features": {"a": 1}},), [{"features": {"a": 1.0}}], False),
    ("record", "read_tensors", ([tensor("a", "FP32", [2], [1, 2])],), [{"features": {"a": 1.0}}, {"features": {"a": 2.0}}], True),
    ("text", "read_instances", (["a", "b"],), [{"text": "a"}, {"text": "b"}], True),
    ("text", "read_instances", ([],), [], True),
    ("text", "read_inputs", ("a",), [{"text": "a"}], True),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "method", "given_", "calls", "many"), CASES)
def test_forms_become_calls(entry, method, given_, calls, many):
    found = getattr(ENTRIES[entry], method)(*given_)
    assert [plain(arguments) for arguments in found.arguments] == calls
    assert found.many is many


def test_params_go_to_every_call():
    assert ENTRIES["frame"].read_table(["a", "b"], [[1, "x"]], params={"threshold": 1}).arguments[0]["threshold"] == 1.0
    assert ENTRIES["scalars"].read_instances([{"x": 1}], params={"n": 2}).arguments == ({"x": 1.0, "n": 2},)


def test_an_index_travels_with_a_table():
    index = {"name": "id", "dtype": "int64", "required": True}
    decoder = forms(("rows", {**FRAME, "index": index}))
    assert decoder.read_table(["a", "b"], [[1, "x"]], index=[7]).arguments[0]["rows"].index.tolist() == [7]
    assert decoder.read_csv("a,id,b\n1,7,x\n").arguments[0]["rows"].index.tolist() == [7]


@pytest.mark.parametrize(
    ("column", "cells", "values"),
    [
        ({"dtype": "float64", "nullable": True}, "1.5\n.5\nNaN\n-inf", [1.5, 0.5, None, float("-inf")]),
        ({"dtype": "Int64", "nullable": True}, "1\nNA\n3", [1, None, 3]),
        ({"dtype": "bool"}, "True\nfalse\n1", [True, False, True]),
        ({"dtype": "category", "categories": [1, 2], "category": {"name": None, "dtype": "int64"}}, "2\n1", [2, 1]),
        ({"dtype": "object", "of": STR}, "1\nNA", ["1", "NA"]),
    ],
)
def test_cells_convert_by_the_notebooks_dtype(column, cells, values):
    decoder = forms(("rows", {"kind": "frame", "index": None, "columns": [{"name": "c", **column}]}))
    found = decoder.read_csv(f"c\n{cells}\n").arguments[0]["rows"]["c"]
    assert [None if pd.isna(each) else each for each in found.tolist()] == values


@pytest.mark.parametrize(
    ("entry", "method", "given_", "message"),
    [
        ("frame", "read_table", (["a", "c"], [[1, "x"]]), 'rows.columns.c: expected the columns a, b, found the unknown "c"'),
        ("frame", "read_table", (["a", "b"], [[1]]), "data[0]: expected a list of 2, found a list of 1"),
        ("frame", "read_csv", ("a,b\nx,y\n",), 'rows[0].a: expected an integer (int64), found the text "x"'),
        ("frame", "read_csv", ("a,b\n1\n",), "csv row 0: expected 2 cells, found 1"),
        ("frame", "read_csv", ("",), "csv: expected a line with the columns' names, found nothing"),
        ("scalars", "read_instances", ([{"n": 1}],), "instances[0].x: expected a value: the argument is required, found nothing"),
        ("scalars", "read_instances", ({"n": 1},), "instances: expected a list with one element a row, found an object with n"),
        ("scalars", "read_tensors", ([tensor("x", "FP8", [1], [1])],), None),
        ("scalars", "read_tensors", ([tensor("x", "FP32", [2], [1])],), "inputs[0].data: expected 2 values, as the shape says, found 1"),
        ("scalars", "read_tensors", ([tensor("x", "INT8", [1], [1.5])],), "inputs[0].data[0]: expected a value of INT8, found the number 1.5"),
        ("scalars", "read_tensors", ([tensor("x", "FP32", [2], [1, 2]), tensor("n", "INT8", [3], [1, 2, 3])],), "inputs: expected tensors of one length, found tensors of 2, 3 elements"),
        ("scalars", "read_tensors", ([],), "inputs: expected a list of tensors, found an empty list"),
    ],
)  # fmt: skip
def test_forms_that_do_not_fit_are_refused(entry, method, given_, message):
    with pytest.raises(InvalidInput) as caught:
        getattr(ENTRIES[entry], method)(*given_)
    assert message is None or str(caught.value) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.sampled_from(["a", "x", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x", "n", "rows", "features", "text"]), inner, max_size=3),
    max_leaves=8,
)
TENSOR = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b", "x", "n", "rows"]), "datatype": st.sampled_from(["FP32", "INT64", "BYTES", "BOOL", 1]),
     "shape": st.lists(st.integers(-1, 2), max_size=4), "data": JSON}
)  # fmt: skip
FORMS = (
    st.tuples(st.sampled_from(["read_records", "read_instances", "read_inputs", "read_tensors"]), st.tuples(JSON))
    | st.tuples(st.just("read_tensors"), st.tuples(st.lists(TENSOR, max_size=3)))
    | st.tuples(st.just("read_csv"), st.tuples(st.text(alphabet='ab1,"\n\r\x00', max_size=12)))
    | st.tuples(st.just("read_table"), st.tuples(st.lists(st.sampled_from("abxn"), max_size=3), st.lists(st.lists(JSON, max_size=3), max_size=3)))
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ENTRIES)), FORMS)
def test_any_form_gives_calls_or_a_refusal(entry, form):
    method, given_ = form
    try:
        found = getattr(ENTRIES[entry], method)(*given_)
    except InvalidInput:
        return
    assert found.many or len(found.arguments) == 1
