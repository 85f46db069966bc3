"""Linear models: weights and an intercept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jupyter_deploy.compile.candidate import Head, read_classes
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.runtime.compiled.description import Description


def _describe(model: Any) -> Description:
    weights, intercept = np.asarray(model.coef_), np.asarray(model.intercept_)
    if weights.dtype != np.float64 or weights.ndim > 2:
        raise NotCompiled(f"its weights are of dtype {weights.dtype}: only float64 is compiled")
    return {"form": "linear", "weights": weights, "intercept": np.atleast_1d(intercept), "owner": type(model).__name__}


def _regressor(model: Any) -> Head:
    return Head(_describe(model), flat=np.ndim(model.coef_) == 1)


def _flat_regressor(model: Any) -> Head:
    return Head(_describe(model))


def _classifier(model: Any, link: str | None) -> Head:
    classes = read_classes(model)
    score = _describe(model)
    if len(np.atleast_2d(score["weights"])) != (1 if len(classes) == 2 else len(classes)):
        raise NotCompiled(f"{type(model).__name__} has more than one output")
    return Head(score, link, "above" if len(classes) == 2 else "largest", decides=True, classes=classes)


def _logistic(model: Any) -> Head:
    return _classifier(model, "binomial" if len(model.classes_) <= 2 else "softmax")


def _descent(model: Any) -> Head:
    if model.loss not in ("log_loss", "hinge", "squared_hinge", "perceptron"):
        raise NotCompiled(f"SGDClassifier with loss={model.loss!r} has no compiled form")
    if model.loss == "log_loss" and len(model.classes_) > 2:
        raise NotCompiled("SGDClassifier with loss='log_loss' and more than two classes has no compiled form")
    return _classifier(model, "binomial" if model.loss == "log_loss" else None)


def _without_chances(model: Any) -> Head:
    return _classifier(model, None)


HEADS: dict[str, Callable[[Any], Head]] = {
    **dict.fromkeys(("LogisticRegression", "LogisticRegressionCV"), _logistic),
    **dict.fromkeys(("LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron"), _without_chances),
    "SGDClassifier": _descent,
    **dict.fromkeys(("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV",
                     "BayesianRidge", "ARDRegression", "HuberRegressor", "LinearSVR"), _regressor),
    "SGDRegressor": _flat_regressor,
}
"""How to describe a model, by its class."""
