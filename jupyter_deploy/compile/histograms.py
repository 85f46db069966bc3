"""Histogram gradient boosting of scikit-learn: everything is of float64, and NaN goes where training sent it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jupyter_deploy.compile.candidate import Head, read_classes
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.forests import describe_trees, thresholds_of
from jupyter_deploy.compile.trees import EnsembleBuilder
from jupyter_deploy.runtime.compiled.description import Description
from jupyter_deploy.runtime.compiled.rows import Array

_LINKS = {"squared_error": "itself", "absolute_error": "itself", "quantile": "itself", "poisson": "exponential",
          "gamma": "exponential"}


def _describe(model: Any) -> tuple[Description, dict[int, Array]]:
    if getattr(model, "is_categorical_", None) is not None:
        raise NotCompiled(f"{type(model).__name__} with categorical features has no compiled form")
    start = np.asarray(model._baseline_prediction, np.float64).ravel()
    builder = EnsembleBuilder(len(start))
    for target, value in enumerate(start):
        builder.add_constant(float(value), target)
    nodes = [(target, predictor.nodes) for stage in model._predictors for target, predictor in enumerate(stage)]
    for target, tree in nodes:
        leaf = tree["is_leaf"].astype(bool)
        left, right = (np.where(leaf, -1, tree[side].astype(np.int64)) for side in ("left", "right"))
        builder.add(left, right, tree["feature_idx"].astype(np.int64), tree["num_threshold"], tree["value"],
                    target=target, missing_left=tree["missing_go_to_left"])
    score = describe_trees(builder, owner=type(model).__name__, missing="anything", narrow=False)
    inner = [tree[tree["is_leaf"] == 0] for _, tree in nodes]
    return score, thresholds_of((one["feature_idx"], one["num_threshold"]) for one in inner)


def _classifier(model: Any) -> Head:
    classes = read_classes(model)
    score, thresholds = _describe(model)
    two = len(classes) == 2
    return Head(score, "binomial" if two else "softmax_by_column", "above" if two else "largest", decides=True,
                classes=classes, dtype="float64", thresholds=thresholds)


def _regressor(model: Any) -> Head:
    if model.loss not in _LINKS:
        raise NotCompiled(f"HistGradientBoostingRegressor with loss={model.loss!r} has no compiled form")
    score, thresholds = _describe(model)
    return Head(score, _LINKS[model.loss], dtype="float64", thresholds=thresholds)


HEADS: dict[str, Callable[[Any], Head]] = {
    "HistGradientBoostingClassifier": _classifier,
    "HistGradientBoostingRegressor": _regressor,
}
"""How to describe a model, by its class."""
