"""What models are asked while golden calls are answered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jupyter_deploy.capture.overhearing import overhear


class Model:
    classes_ = ("no", "yes")

    def predict(self, rows: Any) -> Any:
        return np.asarray(rows).sum(axis=1)


def test_the_rows_of_each_question_are_kept_and_the_answers_stay() -> None:
    model = Model()
    names: dict[str, Any] = {"model": model, "other": 3}
    rows = np.ones((50, 2))
    with overhear([names, {"model": "another"}], {"model": model}) as asked:
        assert names["model"].predict(rows).shape == (50,)
        assert names["model"].classes_ == ("no", "yes")
        rows[:] = 0
    assert names == {"model": model, "other": 3}
    assert [table.tolist() for table in asked["model"]] == [[[1.0, 1.0]] * 20]


def test_the_model_is_back_when_a_call_fails() -> None:
    names: dict[str, Any] = {"model": Model()}
    model = names["model"]
    with pytest.raises(ZeroDivisionError), overhear([names], {"model": model}):
        raise ZeroDivisionError
    assert names["model"] is model
