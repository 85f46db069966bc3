"""Models of XGBoost: everything is of float32, and a row goes left below a threshold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from jupyter_deploy.compile.candidate import Head, read_classes
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.forests import describe_trees, thresholds_of
from jupyter_deploy.compile.trees import BELOW, EnsembleBuilder
from jupyter_deploy.runtime.compiled.description import Description
from jupyter_deploy.runtime.compiled.rows import Array

_IDENTITY = frozenset({"reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"})
_EXPONENTIAL = frozenset({"count:poisson", "reg:gamma", "reg:tweedie"})


def _read(model: Any) -> dict[str, Any]:
    booster = model.get_booster()
    learner: dict[str, Any] = json.loads(bytes(booster.save_raw("json")))["learner"]
    boosted = learner["gradient_booster"]
    if boosted["name"] != "gbtree":
        raise NotCompiled(f"XGBoost's booster {boosted['name']} has no compiled form")
    if any(tree["categories"] for tree in boosted["model"]["trees"]):
        raise NotCompiled(f"{type(model).__name__} with categorical features has no compiled form")
    missing = getattr(model, "missing", np.nan)
    if missing is not None and not np.isnan(missing):
        raise NotCompiled(f"{type(model).__name__} with missing={missing!r} has no compiled form")
    return learner


def _start(learner: dict[str, Any], outputs: int, objective: str) -> Array:
    base = json.loads(learner["learner_model_param"]["base_score"])
    start = np.full(outputs, 0, np.float32) + np.asarray(base, np.float32)
    if objective == "binary:logistic":
        one = np.float32(1)
        return -np.log(one / start - one)
    return np.log(start) if objective in _EXPONENTIAL else start


def _describe(model: Any, learner: dict[str, Any]) -> tuple[Description, dict[int, Array]]:
    boosted = learner["gradient_booster"]["model"]
    outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    if int(learner["learner_model_param"].get("num_target", "1")) > 1:
        raise NotCompiled(f"{type(model).__name__} has more than one output")
    ends = boosted["iteration_indptr"]
    best = learner["attributes"].get("best_iteration")
    count = ends[-1] if best is None else ends[int(best) + 1]
    builder = EnsembleBuilder(outputs)
    for target, value in enumerate(_start(learner, outputs, learner["objective"]["name"])):
        builder.add_constant(float(value), target)
    inner = []
    for target, tree in zip(boosted["tree_info"][:count], boosted["trees"][:count], strict=True):
        left = np.array(tree["left_children"])
        conditions, features = np.array(tree["split_conditions"], np.float32), np.array(tree["split_indices"])
        builder.add(left, np.array(tree["right_children"]), features, conditions, conditions, target=target,
                    missing_left=np.array(tree["default_left"]), mode=BELOW)
        inner.append((features[left >= 0], conditions[left >= 0]))
    score = describe_trees(builder, owner=type(model).__name__, missing="missing", narrow=True, dtype="float32")
    return score, thresholds_of(iter(inner))


def _classifier(model: Any) -> Head:
    learner = _read(model)
    objective = learner["objective"]["name"]
    if objective not in ("binary:logistic", "multi:softprob"):
        raise NotCompiled(f"XGBoost's objective {objective} has no compiled form")
    score, thresholds = _describe(model, learner)
    two = objective == "binary:logistic"
    return Head(score, "binomial_float32" if two else "softmax_float32", "above_half" if two else "likeliest",
                classes=read_classes(model), thresholds=thresholds)


def _regressor(model: Any) -> Head:
    learner = _read(model)
    objective = learner["objective"]["name"]
    if objective not in _IDENTITY | _EXPONENTIAL:
        raise NotCompiled(f"XGBoost's objective {objective} has no compiled form")
    score, thresholds = _describe(model, learner)
    return Head(score, "exponential_of_c" if objective in _EXPONENTIAL else "itself", thresholds=thresholds)


HEADS: dict[str, Callable[[Any], Head]] = {
    "XGBClassifier": _classifier, "XGBRFClassifier": _classifier,
    "XGBRegressor": _regressor, "XGBRFRegressor": _regressor,
}
"""How to describe a model, by its class."""
