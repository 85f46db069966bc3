from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.runtime.stacks import describe_rows
from jupyter_deploy.runtime.variations import same, vary


@pytest.mark.parametrize(
    "table",
    [
        np.array([[1.5, -2.0, 0.0]]),
        np.array([[1.5, 2.0]], "float32"),
        [[1.5, 3, "x", True]],
        pd.DataFrame({"a": [1.5], "b": ["x"], "c": [3]}),
    ],
)
def test_rows_like_one(table):
    rows = vary([table], 16)
    assert len(rows) == 16
    assert {describe_rows(row) for row in rows} == {describe_rows(table)}
    assert [repr(row) for row in rows] == [repr(row) for row in vary([table], 16)]


def test_given_rows_come_first():
    rows = vary([np.array([[1], [2]]), np.array([[2], [3]])], 16)
    assert [row.tolist() for row in rows] == [[[1]], [[2]], [[3]]]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([0.1 + 0.2]), np.array([0.3]), False),
        (np.array([1.0]), np.array([1.0], "float32"), False),
        (np.array([1.0]), np.array([[1.0]]), False),
        (np.array(["a"], object), np.array(["a"], object), True),
        ([1], [1], True),
        ([1], (1,), False),
    ],
)
def test_same(one, other, expected):
    assert same(one, other) is expected
