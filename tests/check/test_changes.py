"""What is compatible and what breaks callers, by the types of an entry before and after."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_deploy.check.changes import Interface, compare_classes, compare_entries
from jupyter_deploy.runtime.manifest import Entry, Parameter
from jupyter_deploy.runtime.openapi import answer_schema
from jupyter_deploy.runtime.types import parameters_schema

INT, FLOAT, STR, ANY = ({"kind": kind} for kind in ("int", "float", "str", "any"))
NOTHING = {"kind": "none"}


def interface(parameters: dict[str, Any], returns: Any = NOTHING, optional: tuple[str, ...] = ()) -> dict[str, Interface]:
    entry = Entry("f", "f", tuple(Parameter(name, spec, name not in optional) for name, spec in parameters.items()), returns)
    return {"f": Interface(parameters_schema(entry), answer_schema(entry))}


def frame(**columns: str) -> Any:
    return {"kind": "frame", "index": None,
            "columns": [{"name": name, "dtype": dtype, "nullable": False} for name, dtype in columns.items()]}


def category(*names: str) -> Any:
    return {"kind": "literal", "values": list(names)}


@pytest.mark.parametrize(("before", "after", "expected"), [
    ({"x": INT}, {"x": INT}, []),
    ({"x": INT}, {"x": FLOAT}, [(False, "f(x): integer → number")]),
    ({"x": INT}, {"x": STR}, [(True, "f(x): integer → text")]),
    ({"x": STR}, {"x": {"kind": "date"}}, [(True, "f(x): text → text (date)")]),
    ({"x": INT}, {"x": INT, "y": INT}, [(True, "f(y): new required field")]),
    ({"x": INT, "y": STR}, {"x": INT}, [(True, "f(y): field removed")]),
    ({"x": INT}, {"z": INT}, [(True, "f(x): field removed; is it z now?"), (True, "f(z): new required field")]),
    ({"x": INT}, {"x": {"kind": "optional", "of": INT}}, [(False, "f(x): may be null")]),
    ({"x": {"kind": "optional", "of": INT}}, {"x": INT}, [(True, "f(x): never null now")]),
    ({"x": category("a", "b")}, {"x": category("a")}, [(True, 'f(x): values removed: "b"')]),
    ({"x": category("a")}, {"x": category("a", "c")}, [(False, 'f(x): values added: "c"')]),
    ({"x": ANY}, {"x": INT}, [(True, "f(x): anything → integer")]),
    ({"x": {"kind": "list", "of": INT}}, {"x": {"kind": "list", "of": STR}}, [(True, "f(x[]): integer → text")]),
    ({"x": frame(a="int64", b="float64")}, {"x": frame(a="int64", c="float64")},
     [(True, "f(x[].b): field removed; is it c now?"), (True, "f(x[].c): new required field")]),
    ({"x": frame(a="int64")}, {"x": frame(a="int8")},
     [(True, "f(x[].a): -9223372036854775808 to 9223372036854775807 → -128 to 127 values")]),
    ({"x": {"kind": "array", "dtype": "float64", "shape": [3]}}, {"x": {"kind": "array", "dtype": "float64", "shape": [4]}},
     [(True, "f(x): 3 → 4 items")]),
    ({"x": {"kind": "array", "dtype": "float64", "shape": [3]}}, {"x": {"kind": "array", "dtype": "float64", "shape": [-1]}},
     [(False, "f(x): 3 → any items")]),
])
def test_what_callers_send_may_become_wider(before: Any, after: Any, expected: list[tuple[bool, str]]) -> None:
    changes = compare_entries(interface(before), interface(after))
    assert [(change.breaking, str(change)) for change in changes] == expected


@pytest.mark.parametrize(("before", "after", "expected"), [
    (INT, STR, [(True, "f → the answer: integer → text")]),
    (frame(a="int64", b="str"), frame(a="int64"), [(True, "f → [].b: field removed")]),
    (frame(a="int64"), frame(a="int64", b="str"), [(False, "f → [].b: field added")]),
    (frame(a="int64"), frame(a="int32"), []),
    (INT, {"kind": "optional", "of": INT}, [(True, "f → the answer: may be null")]),
    (category("a", "b"), category("a"), [(False, 'f → the answer: values removed: "b"')]),
    (category("a"), category("a", "b"), [(True, 'f → the answer: values added: "b"')]),
    ({"kind": "tuple", "items": [INT, INT]}, {"kind": "tuple", "items": [INT, STR]}, [(True, "f → [1]: integer → text")]),
])
def test_what_callers_receive_may_become_narrower(before: Any, after: Any, expected: list[tuple[bool, str]]) -> None:
    changes = compare_entries(interface({}, before), interface({}, after))
    assert [(change.breaking, str(change)) for change in changes] == expected


def test_an_argument_that_may_be_left_out_is_no_break() -> None:
    changes = compare_entries(interface({"x": INT}), interface({"x": INT, "y": INT}, optional=("y",)))
    assert [(change.breaking, str(change)) for change in changes] == [(False, "f(y): field added")]
    changes = compare_entries(interface({"x": INT}, optional=("x",)), interface({"x": INT}))
    assert [(change.breaking, str(change)) for change in changes] == [(True, "f(x): is required now")]


def test_entries_come_and_go() -> None:
    one = interface({"x": INT})
    both = {**one, "g": one["f"]}
    assert [str(change) for change in compare_entries(one, both) if not change.breaking] == ["/g: entry added"]
    assert [str(change) for change in compare_entries(both, one) if change.breaking] == ["/g: entry removed"]


@pytest.mark.parametrize(("before", "after", "expected"), [
    ({"model": ["a", "b"]}, {"model": ["a", "b"]}, []),
    ({"model": ["a", "b"]}, {"classifier": ["a", "b"]}, []),
    ({"model": ["a", "b"]}, {"model": ["a"]}, ['classes of model: "b" removed']),
    ({"model": ["a"]}, {"model": ["a", "b"]}, ['classes of model: "b" added']),
    ({"model": ["a", "b"]}, {"model": ["b", "a"]}, ['classes of model: in another order: "b", "a"']),
    ({"model": ["a", "b"]}, {}, ['classes of model: "a", "b" → no such model']),
    ({}, {"model": ["a", "b"]}, []),
])
def test_class_sets(before: Any, after: Any, expected: list[str]) -> None:
    changes = compare_classes(before, after)
    assert [str(change) for change in changes] == expected
    assert all(change.breaking for change in changes)
