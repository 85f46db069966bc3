"""Models of LightGBM: everything is of float64, and NaN goes where training sent it, or counts as zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jupyter_deploy.compile.candidate import Head, read_classes
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.forests import describe_trees, thresholds_of
from jupyter_deploy.compile.trees import EnsembleBuilder
from jupyter_deploy.runtime.compiled.description import Description
from jupyter_deploy.runtime.compiled.rows import Array

_IDENTITY = frozenset({"regression", "regression_l1", "huber", "fair", "quantile", "mape"})
_EXPONENTIAL = frozenset({"poisson", "gamma", "tweedie"})


class _Tree:
    """The arrays of a tree, filled node by node."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.left: list[int] = []
        self.right: list[int] = []
        self.features: list[int] = []
        self.thresholds: list[float] = []
        self.values: list[float] = []
        self.missing_left: list[bool] = []
        waiting = [(root, -1, False)]
        while waiting:
            node, parent, is_left = waiting.pop()
            number = self._add(node)
            if parent >= 0:
                (self.left if is_left else self.right)[parent] = number
            if "split_feature" in node:
                waiting += [(node["left_child"], number, True), (node["right_child"], number, False)]

    def _add(self, node: dict[str, Any]) -> int:
        if node.get("decision_type", "<=") != "<=":
            raise NotCompiled("LightGBM with categorical features has no compiled form")
        if node.get("missing_type") == "Zero":
            raise NotCompiled("LightGBM with zero_as_missing has no compiled form")
        threshold = float(node.get("threshold", 0))
        self.left.append(-1)
        self.right.append(-1)
        self.features.append(node.get("split_feature", 0))
        self.thresholds.append(threshold)
        self.values.append(node.get("leaf_value", 0.0))
        self.missing_left.append(node["default_left"] if node.get("missing_type") == "NaN" else threshold >= 0)
        return len(self.left) - 1


def _read(model: Any) -> dict[str, Any]:
    booster = model.booster_
    best = booster.best_iteration if booster.best_iteration > 0 else None
    dumped: dict[str, Any] = booster.dump_model(num_iteration=best)
    if dumped["average_output"] or getattr(model, "boosting_type", "gbdt") != "gbdt":
        raise NotCompiled(f"LightGBM's boosting type {model.boosting_type} has no compiled form")
    return dumped


def _describe(model: Any, dumped: dict[str, Any]) -> tuple[Description, dict[int, Array]]:
    outputs = dumped["num_tree_per_iteration"]
    builder = EnsembleBuilder(outputs)
    inner: list[tuple[Array, Array]] = []
    for number, one in enumerate(dumped["tree_info"]):
        tree = _Tree(one["tree_structure"])
        left, features, thresholds = np.array(tree.left), np.array(tree.features), np.array(tree.thresholds)
        builder.add(left, np.array(tree.right), features, thresholds, np.array(tree.values), target=number % outputs,
                    missing_left=np.array(tree.missing_left))
        inner.append((features[left >= 0], thresholds[left >= 0]))
    score = describe_trees(builder, owner=type(model).__name__, missing="anything", narrow=False)
    return score, thresholds_of(iter(inner))


def _objective(dumped: dict[str, Any]) -> Iterator[str]:
    return iter(dumped["objective"].split())


def _classifier(model: Any) -> Head:
    dumped = _read(model)
    name, *settings = _objective(dumped)
    if name not in ("binary", "multiclass") or (name == "binary" and "sigmoid:1" not in settings):
        raise NotCompiled(f"LightGBM's objective {dumped['objective']} has no compiled form")
    score, thresholds = _describe(model, dumped)
    return Head(score, "binomial" if name == "binary" else "softmax_in_turn", "likeliest", decides=True,
                classes=read_classes(model),
                dtype="float64", thresholds=thresholds)


def _regressor(model: Any) -> Head:
    dumped = _read(model)
    name, *settings = _objective(dumped)
    if name not in _IDENTITY | _EXPONENTIAL or "sqrt" in settings:
        raise NotCompiled(f"LightGBM's objective {dumped['objective']} has no compiled form")
    score, thresholds = _describe(model, dumped)
    return Head(score, "exponential_of_c" if name in _EXPONENTIAL else "itself", dtype="float64", thresholds=thresholds)


HEADS: dict[str, Callable[[Any], Head]] = {"LGBMClassifier": _classifier, "LGBMRegressor": _regressor}
"""How to describe a model, by its class."""
