"""A compiled form is kept only if it is equal and faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.trial import measure_difference, try_out

ROWS = np.random.default_rng(0).normal(size=(512, 3))


class Model:
    def __init__(self, answer: Callable[[Any], Any], seconds: float = 0.0) -> None:
        self._answer, self._seconds = answer, seconds

    def predict(self, rows: Any) -> Any:
        time.sleep(self._seconds)
        return self._answer(rows)


def add_up(rows: Any) -> Any:
    return rows.sum(axis=1)


def test_equal_and_faster_is_kept() -> None:
    trial = try_out(Model(add_up, 0.002), Model(add_up), ["predict"], ROWS, [ROWS[:3]])
    assert (trial.difference, trial.rows) == (0.0, 512)
    assert trial.faster_alone > 10
    assert trial.micros[0] > trial.micros[1]


def test_a_small_difference_is_measured() -> None:
    trial = try_out(Model(add_up, 0.001), Model(lambda rows: add_up(rows) + 1e-6), ["predict"], ROWS, [])
    assert trial.difference == pytest.approx(1e-6)


@pytest.mark.parametrize(("answer", "reason"), [
    (lambda rows: add_up(rows) + 1e-3, "differs by up to 1.0e-03"),
    (lambda rows: add_up(rows).astype(np.float32), "gives float64"),
    (lambda rows: add_up(rows)[:, None], "gives float64"),
    (lambda rows: add_up(rows).tolist(), "a list"),
    (lambda rows: 1 / 0, "refuses rows in predict: ZeroDivisionError"),
    (lambda rows: np.where(np.arange(len(rows)) == 200, np.nan, add_up(rows)), "differs by"),
])
def test_what_differs_is_refused(answer: Callable[[Any], Any], reason: str) -> None:
    with pytest.raises(NotCompiled, match=reason):
        try_out(Model(add_up, 0.001), Model(answer), ["predict"], ROWS, [])


def test_classes_have_to_be_the_same() -> None:
    with pytest.raises(NotCompiled, match="differs for 1 of 3 rows"):
        measure_difference("predict", np.array([0, 1, 2]), np.array([0, 1, 1]))


def test_what_is_not_faster_is_refused() -> None:
    with pytest.raises(NotCompiled, match="not faster by a fifth"):
        try_out(Model(add_up), Model(add_up, 0.001), ["predict"], ROWS, [])


def test_rows_that_both_refuse_alike_count_as_equal() -> None:
    def strict(rows: Any) -> Any:
        if len(rows) == 2:
            raise ValueError("no two rows")
        return add_up(rows)

    assert try_out(Model(strict, 0.001), Model(strict), ["predict"], ROWS, [ROWS[:2]]).difference == 0
