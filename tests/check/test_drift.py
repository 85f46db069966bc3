from __future__ import annotations

from typing import Any

import pytest

from jupyter_deploy.check.drift import Drift, compare_answers, parse_drift, rank_moved
from jupyter_deploy.errors import UsageError


@pytest.mark.parametrize(("text", "expected"), [
    ("0", Drift()), ("0.01", Drift(absolute=0.01)), ("1e-3", Drift(absolute=0.001)), ("5%", Drift(relative=0.05)),
])
def test_drift_is_absolute_or_relative(text: str, expected: Drift) -> None:
    assert parse_drift(text) == expected


@pytest.mark.parametrize("text", ["much", "-1", "5 percent", "", "%"])
def test_what_is_no_drift_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="wanted how far"):
        parse_drift(text)


@pytest.mark.parametrize(("recorded", "now", "drift", "expected"), [
    (1.0, 1.0 + 1e-12, "0", []),
    (0.5, 0.6, "0", [("", True)]),
    (0.5, 0.6, "0.2", [("", False)]),
    (100, 104, "5%", [("", False)]),
    (100, 106, "5%", [("", True)]),
    (1, 1.0, "0", []),
    ("stay", "leave", "50%", [("", True)]),
    ([{"p": 0.5}, {"p": 0.1}], [{"p": 0.5}, {"p": 0.2}], "0", [("[1].p", True)]),
    ({"a": 1}, {"a": 1, "b": 2}, "0", []),
])
def test_values_move(recorded: Any, now: Any, drift: str, expected: list[tuple[str, bool]]) -> None:
    changes, moved = compare_answers("f 1", recorded, now, parse_drift(drift))
    assert not changes
    assert [(one.place, one.excessive) for one in moved] == expected


@pytest.mark.parametrize(("recorded", "now", "expected"), [
    ({"a": 1, "b": 2}, {"a": 1}, ["f → b: field removed"]),
    ([{"a": 1}, {"a": 1}], [{}, {}], ["f → [].a: field removed"]),
    ([1, 2, 3], [1, 2], ["f → the answer: 3 → 2 items"]),
    (1, "1", ["f → the answer: number → text"]),
    (0.5, None, ["f → the answer: number → null"]),
    (True, 1, ["f → the answer: true or false → number"]),
])
def test_a_change_of_form_breaks_callers(recorded: Any, now: Any, expected: list[str]) -> None:
    changes, moved = compare_answers("f 1", recorded, now, Drift(absolute=10))
    assert [str(change) for change in changes] == expected
    assert all(change.breaking for change in changes)
    assert not moved


RISK = {"anyOf": [{"type": "number"}, {"type": "string", "enum": ["Infinity", "-Infinity"]}, {"type": "null"}]}


@pytest.mark.parametrize(("recorded", "now", "schema"), [
    (None, 0.5, RISK), (0.5, None, RISK), ("Infinity", 0.5, RISK), ([{"p": None}], [{"p": 1}], {"type": "array", "items": {
        "anyOf": [{"type": "object", "properties": {"p": {"type": ["number", "null"]}}}]}}),
    ({"a": [1, None]}, {"a": [1, 2]}, {"type": "object", "additionalProperties": {"prefixItems": [{}, {"type": ["null", "integer"]}]}}),
])
def test_a_form_that_the_contract_admits_has_moved(recorded: Any, now: Any, schema: Any) -> None:
    changes, moved = compare_answers("f 1", recorded, now, Drift(absolute=10), schema)
    assert not changes
    assert [(one.change, one.excessive) for one in moved] == [(None, True)]


@pytest.mark.parametrize(("recorded", "now", "schema"), [(1, "much", RISK), (1, True, RISK), (1, "text", {}), ([None], [1], RISK)])
def test_any_other_form_breaks_callers(recorded: Any, now: Any, schema: Any) -> None:
    assert compare_answers("f 1", recorded, now, Drift(), schema)[0]


def test_the_furthest_comes_first() -> None:
    _, moved = compare_answers("f 1", [1.0, 1.0, 1.0], [1.1, 3.0, 1.02], parse_drift("0.05"))
    assert [one.place for one in rank_moved(moved)] == ["[1]", "[0]", "[2]"]
