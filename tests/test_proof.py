from __future__ import annotations

import math

import pytest

from jupyter_deploy.proof import Difference, compare, table


@pytest.mark.parametrize(
    ("notebook", "service", "paths"),
    [
        (1, 1, []),
        (1, 1.0, ["answer"]),
        (True, 1, ["answer"]),
        (None, 0, ["answer"]),
        (0.1 + 0.2, 0.3, ["answer"]),
        (math.nan, math.nan, []),
        ("a", "a", []),
        ([1, 2], [1, 3], ["answer[1]"]),
        ([1, 2], [1], ["answer"]),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, ["answer.a.b[0]"]),
        ({"a": 1}, {"b": 1}, ["answer.a", "answer.b"]),
        ({"a": None}, {}, ["answer.a"]),
        ([{"x": 1}], {"x": 1}, ["answer"]),
    ],
)
def test_compare_is_exact(notebook: object, service: object, paths: list[str]) -> None:
    assert [path for path, _, _ in compare(notebook, service, "answer")] == paths


def test_table_shows_call_place_and_both_answers() -> None:
    text = table((Difference("predict", "cell [3]", "answer[0]", "0.5", "0.7"),))
    assert [line.split() for line in text.splitlines()][2] == ["predict", "(cell", "[3])", "answer[0]", "0.5", "0.7"]
