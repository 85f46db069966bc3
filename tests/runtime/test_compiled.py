"""Compiled models in a worker: requests are answered together, and a description is data only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from jupyter_deploy.runtime.compiled import build_model
from jupyter_deploy.runtime.compiled.description import parse_description, write_description
from jupyter_deploy.runtime.compiled.encoders import OneHot, Ordinal
from jupyter_deploy.runtime.compiled.links import LINKS, binomial
from jupyter_deploy.runtime.compiled.rows import check_finite
from jupyter_deploy.runtime.trials import try_method

LINEAR: dict[str, Any] = {
    "kind": "classifier", "type": "Logit", "owner": "Logit", "width": 30, "names": None, "dtype": None, "steps": [],
    "score": {"form": "linear", "weights": np.linspace(-1, 1, 30).reshape(1, -1), "intercept": np.array([0.1]),
              "owner": "Logit"},
    "link": "binomial", "choose": "above", "decides": True, "classes": np.array(["no", "yes"]),
}


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_a_linear_model_answers_rows_together(method: str) -> None:
    model = build_model(LINEAR)
    try_method(getattr(model, method), [np.random.default_rng(0).normal(size=(16, 30))])


def test_a_description_comes_back_as_it_was_and_always_the_same() -> None:
    described = {**LINEAR, "more": {"empty": np.empty((0, 3)), "objects": np.array(["a", None], object),
                                    "bytes": np.arange(5, dtype=np.uint8), "none": None, "list": [1, 2.5, math.inf]}}
    files = write_description(described)
    assert files == write_description(dict(reversed(described.items())))
    back = parse_description(files)
    assert back["score"]["weights"].tolist() == described["score"]["weights"].tolist()
    assert back["classes"].dtype == "<U3"
    assert back["more"]["objects"].tolist() == ["a", None]
    assert back["more"]["empty"].shape == (0, 3)
    assert back["more"]["list"] == [1, 2.5, math.inf]


def test_arguments_are_left_as_they_were() -> None:
    rows = np.ones((3, 30))
    before = rows.copy()
    build_model(LINEAR).predict_proba(rows)
    assert (rows == before).all()


def test_the_logistic_function_holds_at_its_ends() -> None:
    scores = np.array([0.0, 800.0, -800.0, math.inf, -math.inf]).reshape(-1, 1)
    assert binomial(scores)[:, 1].tolist() == [0.5, 1.0, 0.0, 1.0, 0.0]
    assert math.isnan(binomial(np.array([[math.nan]]))[0, 1])


@pytest.mark.parametrize("name", ["softmax", "softmax_by_column", "softmax_in_turn", "softmax_float32"])
def test_probabilities_add_up_whatever_the_others_are(name: str) -> None:
    scores = np.random.default_rng(0).normal(0, 50, (40, 12)).astype(np.float32 if "32" in name else np.float64)
    chances = LINKS[name](scores)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)
    for place in range(40):
        assert LINKS[name](scores[place : place + 1]).tobytes() == chances[place : place + 1].tobytes()


@pytest.mark.parametrize(("rows", "missing", "refused"), [
    ([[1.0, 2.0]], False, None), ([[1e200, 1e200]], False, None), ([[math.nan, 1.0]], True, None),
    ([[math.nan, 1.0]], False, "contains NaN"), ([[math.inf, 1.0]], True, "infinity"), ([[-math.inf]], False, "infinity"),
])
def test_what_is_not_finite_is_refused(rows: Any, missing: bool, refused: str | None) -> None:
    if refused is None:
        check_finite(np.array(rows), "Model", missing=missing)
    else:
        with pytest.raises(ValueError, match=refused):
            check_finite(np.array(rows), "Model", missing=missing)


def test_labels_become_numbers() -> None:
    described = {"categories": [["a", "b", math.nan], [1, 2]], "strict": False, "dtype": "<f8"}
    one_hot = OneHot({**described, "drop": [None, 0]})
    columns = [["b", float("nan"), "c"], [2.0, 1, 3]]
    assert one_hot(columns).tolist() == [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]]
    ordinal = Ordinal({**described, "codes": [[0.0, 1.0, -5.0], [0.0, 1.0]], "unknown": -1.0})
    assert ordinal(columns).tolist() == [[1, 1], [-5, 0], [-1, -1]]
    with pytest.raises(ValueError, match=r"Found unknown categories \['c'\] in column 0 during transform"):
        OneHot({**described, "strict": True, "drop": [None, None]})(columns)
