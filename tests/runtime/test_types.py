from __future__ import annotations

import jsonschema
import pytest

from jupyter_deploy.runtime.manifest import Entry, Parameter
from jupyter_deploy.runtime.types import json_schema, parameters_schema, spec_name

INT, FLOAT, STR = {"kind": "int"}, {"kind": "float"}, {"kind": "str"}
COLUMNS = [
    {"name": "age", "dtype": "int8"},
    {"name": "plan", "dtype": "category", "categories": ["basic", "pro"], "nullable": True},
    {"name": "note", "dtype": "object", "of": STR, "nullable": True},
]
FRAME = {"kind": "frame", "columns": COLUMNS, "index": {"name": None, "dtype": "int64", "required": False}}
NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "enum": ["Infinity", "-Infinity"]}]}
POINT = {"kind": "object", "of": "dataclass", "class": "service:Point",
         "fields": [{"name": "x", "type": INT, "required": True}, {"name": "y", "type": FLOAT, "required": False}]}  # fmt: skip
ROW = {"age": 1, "plan": "pro", "note": None}

CASES = [
    ({"kind": "any"}, "any JSON value", [None, {"a": [1]}], []),
    ({"kind": "none"}, "null", [None], [0]),
    ({"kind": "bool"}, "true or false", [True], [1, None]),
    (INT, "an integer", [1], ["1", True]),
    (FLOAT, "a number", [1, 1.5, "-Infinity"], ["NaN", None]),
    ({"kind": "float", "nullable": True}, "a number or null", [None, 1.5], ["x"]),
    ({"kind": "bytes"}, "bytes as base64", ["YQ=="], [1]),
    ({"kind": "datetime"}, "a date and time in ISO 8601", ["2020-01-01T00:00:00Z"], [1]),
    ({"kind": "datetime", "tz": "UTC"}, "a date and time in ISO 8601 with a time zone", ["2020-01-01T00:00:00Z"], [1]),
    ({"kind": "optional", "of": INT}, "an integer or null", [None, 1], ["a"]),
    ({"kind": "optional", "of": {"kind": "literal", "values": ["a"]}}, "one of 'a' or null", [None, "a"], ["b"]),
    ({"kind": "union", "of": [INT, STR]}, "an integer or text", [1, "a"], [1.5]),
    ({"kind": "literal", "values": ["a", 1]}, "one of 'a', 1", ["a", 1], ["b"]),
    ({"kind": "enum", "class": "service:Colour", "values": {"RED": 1}}, "one of 1", [1], ["x"]),
    ({"kind": "list", "of": INT}, "a list of an integer", [[], [1]], [1, ["a"]]),
    ({"kind": "set", "of": INT}, "a list of an integer", [[1]], [["a"]]),
    ({"kind": "tuple", "items": [INT, STR]}, "a list of 2", [[1, "a"]], [[1], [1, "a", 2], ["a", 1]]),
    ({"kind": "tuple", "items": []}, "a list of 0", [[]], [[1]]),
    ({"kind": "tuple", "of": INT}, "a list of an integer", [[1, 2]], [["a"]]),
    ({"kind": "dict", "values": INT}, "an object of an integer", [{"a": 1}], [{"a": "b"}, [1]]),
    (POINT, "an object with x, y", [{"x": 1}], [{"y": 1.5}, {"x": 1, "z": 2}]),
    ({"kind": "scalar", "dtype": "uint8"}, "an integer (uint8)", [255], [256, -1]),
    ({"kind": "scalar", "dtype": "datetime64[ns]"}, "a date and time (datetime64[ns])", ["2020-01-01"], [1]),
    ({"kind": "array", "dtype": "float32", "shape": [-1]}, "a list of float32 (any)", [[], [1.5]], [["x"], [None], 1]),
    ({"kind": "array", "dtype": "float64", "shape": [-1, 2], "nullable": True}, "nested lists of float64 (any by 2)", [[[1, None]]], [[[1]], [1]]),
    ({"kind": "tensor", "dtype": "int64", "shape": []}, "an integer (int64)", [1], [[1]]),
    ({"kind": "series", "column": COLUMNS[0], "index": None}, "a list of int8", [[1]], [[128], {"data": [1]}]),
    ({"kind": "series", "column": COLUMNS[0], "index": {"name": None, "dtype": "str"}}, "a list of int8", [[1], {"index": ["a"], "data": [1]}], [{"data": [1]}]),
    ({"kind": "series", "column": COLUMNS[0], "index": None, "labels": ["a", "b"]}, "a list of int8", [[1, 2], {"a": 1, "b": 2}], [[1], {"a": 1}]),
    (FRAME, "a list of records with the columns age, plan, note",
     [[], [ROW], [{**ROW, "index": 3}], {"columns": ["age", "plan", "note"], "data": [[1, None, "x"]], "index": [3]}, {"age": [1], "plan": ["pro"], "note": ["x"]}],
     [[{**ROW, "age": 200}], [{**ROW, "plan": "x"}], [{"age": 1}], [{**ROW, "x": 1}], {"age": [1]}, {"columns": ["x"], "data": []}]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "name", "good", "bad"), CASES)
def test_schemas_admit_what_the_type_takes(spec, name, good, bad):
    schema = json_schema(spec)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert spec_name(spec) == name
    assert all(validator.is_valid(value) for value in good)
    assert not any(validator.is_valid(value) for value in bad)


def test_a_request_is_an_object_of_the_arguments():
    entry = Entry(
        "f", "f", (Parameter("x", FLOAT), Parameter("n", INT, required=False, default=3), Parameter("s", STR, required=False)), {"kind": "any"}
    )  # fmt: skip
    assert parameters_schema(entry) == {
        "type": "object",
        "properties": {"x": NUMBER, "n": {"type": "integer", "default": 3}, "s": {"type": "string"}},
        "required": ["x"],
        "additionalProperties": False,
    }
