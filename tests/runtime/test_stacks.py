from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.runtime.stacks import NotRows, describe_rows, split, stack

FRAME = pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["x", "y"])})


@pytest.mark.parametrize(
    "tables",
    [
        [np.zeros((1, 3)), np.ones((2, 3))],
        [[[1, 2.0]], [[3, 4.0], [5, 6.0]]],
        [["one"], ["two", "three"]],
        [FRAME, FRAME[:1]],
    ],
)
def test_alike(tables):
    (description,) = {describe_rows(table) for table in tables}
    assert description is not None
    together = stack(tables)
    assert describe_rows(together) == description
    assert len(together) == sum(map(len, tables))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((1, 3)), np.zeros((1, 4))),
        (np.zeros((1, 3)), np.zeros((1, 3), "float32")),
        ([[1, 2]], [[1, 2.0]]),
        (FRAME, FRAME.assign(a=[1.0, 2.0])),
        (FRAME, FRAME[["b", "a"]]),
        (FRAME, FRAME.assign(b=pd.Categorical(["x", "z"]))),
    ],
)
def test_unlike(one, other):
    assert describe_rows(one) != describe_rows(other)


@pytest.mark.parametrize(
    "value", [np.zeros(3), np.zeros((0, 3)), np.array([["a", None]], object), [], [[1], [1.0]], (1, 2), "text", 5, None,
              FRAME[1:], FRAME[:0], FRAME.set_index("a")],
)
def test_no_rows(value):
    assert describe_rows(value) is None


def test_split():
    assert [part.tolist() for part in split(np.arange(4), [1, 3])] == [[0], [1, 2, 3]]
    assert split([5, 6], [1, 1]) == [[5], [6]]


@pytest.mark.parametrize("answer", [[1], np.arange(3), 5, np.float64(1), {"a": 1}, None])
def test_not_rows(answer):
    with pytest.raises(NotRows):
        split(answer, [1, 1])
