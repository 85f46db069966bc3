"""Trees, forests and classic gradient boosting of scikit-learn.

Rows are rounded to float32 and compared with thresholds of float64, and sums are of float64 in the trees' order, so
that the compiled form is equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from jupyter_deploy.compile.candidate import Head, read_classes
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.graph import write_graph
from jupyter_deploy.compile.trees import EnsembleBuilder
from jupyter_deploy.runtime.compiled.description import Description
from jupyter_deploy.runtime.compiled.rows import Array

DOUBLED = 2
"""Up to so many classes each tree stands in the ensemble once for each; of more, its leaf is looked up in a table."""


def _trees(model: Any) -> list[Any]:
    if model.n_outputs_ != 1:
        raise NotCompiled(f"{type(model).__name__} has {model.n_outputs_} outputs")
    return [model.tree_] if hasattr(model, "tree_") else [one.tree_ for one in model.estimators_]


def _takes_missing(model: Any) -> bool:
    tree = model if hasattr(model, "tree_") else model.estimators_[0]
    try:
        return bool(tree._support_missing_values(np.zeros((1, 1))))
    except AttributeError:
        return False


def _add(builder: EnsembleBuilder, tree: Any, values: Array, target: int | Array) -> None:
    missing = tree.__getstate__()["nodes"]["missing_go_to_left"]
    builder.add(tree.children_left, tree.children_right, tree.feature, tree.threshold, values, target=target,
                missing_left=missing)


def describe_trees(
    builder: EnsembleBuilder, *, owner: str, missing: str, narrow: bool, divisor: int = 1, leaves: Array | None = None,
    dtype: str = "float64", complement: bool = False,
) -> Description:
    """Describe an ensemble as the runtime runs it.

    Parameters
    ----------
    builder, owner
        The trees, and what the model is called in errors.
    missing
        What it takes beyond numbers: `nothing`, `missing` (NaN), or `anything` (NaN and infinity).
    narrow
        Whether rows are rounded to float32 first.
    divisor
        What sums are divided by.
    complement
        Whether the trees count how often they say the second of two classes, and the rest of `divisor` is the first's.
    leaves
        What each leaf adds to each score, if trees give the number of their leaf.
    dtype
        The precision of thresholds and sums.

    """
    graph = np.frombuffer(write_graph(builder.build(), dtype), np.uint8)
    return {"form": "trees", "graph": graph, "dtype": dtype, "narrow": narrow, "missing": missing, "owner": owner,
            "divisor": divisor, "leaves": leaves, "complement": complement}


def thresholds_of(trees: Iterator[tuple[Array, Array]]) -> dict[int, Array]:
    """Gather the thresholds of each feature, from the features and the thresholds of inner nodes."""
    features, thresholds = map(np.concatenate, zip(*trees, strict=True))
    return {int(feature): np.unique(thresholds[features == feature]) for feature in np.unique(features)}


def _inner(trees: Sequence[Any]) -> dict[int, Array]:
    return thresholds_of((tree.feature[tree.feature >= 0], tree.threshold[tree.feature >= 0]) for tree in trees)


def _forest_classifier(model: Any) -> Head:
    classes, trees = read_classes(model), _trees(model)
    leaves = None
    votes = all(_votes(tree) for tree in trees)
    if votes and len(classes) == 2:
        builder = EnsembleBuilder(1)
        for tree in trees:
            _add(builder, tree, tree.value[:, 0, 1], 0)
    elif votes:
        builder = EnsembleBuilder(len(classes))
        for tree in trees:
            _add(builder, tree, np.ones(len(tree.value)), tree.value[:, 0, :].argmax(axis=1))
    elif len(classes) <= DOUBLED:
        builder = EnsembleBuilder(len(classes))
        for target in range(len(classes)):
            for tree in trees:
                _add(builder, tree, tree.value[:, 0, target], target)
    else:
        builder = EnsembleBuilder(len(trees))
        for number, tree in enumerate(trees):
            is_leaf = tree.children_left < 0
            _add(builder, tree, builder.leaves + np.cumsum(is_leaf) - 1.0, number)
        leaves = np.concatenate([tree.value[tree.children_left < 0, 0, :] for tree in trees])
    score = describe_trees(
        builder, owner=type(model).__name__, narrow=True, divisor=1 if hasattr(model, "tree_") else len(trees),
        leaves=leaves, missing="missing" if _takes_missing(model) else "nothing",
        complement=votes and len(classes) == 2)
    return Head(score, "itself", "largest", classes=classes, thresholds=_inner(trees))


def _votes(tree: Any) -> bool:
    """Whether each leaf has one class only, as in trees that are grown to the end: sums are then whole, and exact."""
    leaves = tree.value[tree.children_left < 0, 0, :]
    return bool(((leaves == 0) | (leaves == 1)).all() and (leaves.sum(axis=1) == 1).all())


def _forest_regressor(model: Any) -> Head:
    trees = _trees(model)
    builder = EnsembleBuilder(1)
    for tree in trees:
        _add(builder, tree, tree.value[:, 0, 0], 0)
    score = describe_trees(builder, owner=type(model).__name__, narrow=True,
                           divisor=1 if hasattr(model, "tree_") else len(trees),
                           missing="missing" if _takes_missing(model) else "nothing")
    return Head(score, thresholds=_inner(trees))


def _boosting(model: Any) -> tuple[Description, dict[int, Array]]:
    outputs = model.estimators_.shape[1]
    start = _begin(model)
    builder = EnsembleBuilder(outputs)
    for target in range(outputs):
        builder.add_constant(float(start[target]), target)
    trees = [(target, estimator.tree_) for stage in model.estimators_ for target, estimator in enumerate(stage)]
    for target, tree in trees:
        _add(builder, tree, model.learning_rate * tree.value[:, 0, 0], target)
    score = describe_trees(builder, owner=type(model).__name__, missing="nothing", narrow=True)
    return score, _inner([tree for _, tree in trees])


def _begin(model: Any) -> Array:
    """Give what the sums begin with (raises `NotCompiled` if it depends on the row)."""
    if model.init_ != "zero" and type(model.init_).__name__ not in ("DummyClassifier", "DummyRegressor"):
        raise NotCompiled(f"its sums begin with the answer of a {type(model.init_).__name__}")
    return np.atleast_2d(model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32)))[0]


def _boosting_classifier(model: Any) -> Head:
    classes = read_classes(model)
    score, thresholds = _boosting(model)
    two = len(classes) == 2
    if model.loss != "log_loss":
        raise NotCompiled(f"GradientBoostingClassifier with loss={model.loss!r} has no compiled form")
    return Head(score, "binomial" if two else "softmax", "from" if two else "largest", decides=True, classes=classes,
                thresholds=thresholds)


def _boosting_regressor(model: Any) -> Head:
    score, thresholds = _boosting(model)
    return Head(score, thresholds=thresholds)


HEADS: dict[str, Callable[[Any], Head]] = {
    **dict.fromkeys(("DecisionTreeClassifier", "ExtraTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier"),
                    _forest_classifier),
    **dict.fromkeys(("DecisionTreeRegressor", "ExtraTreeRegressor", "RandomForestRegressor", "ExtraTreesRegressor"),
                    _forest_regressor),
    "GradientBoostingClassifier": _boosting_classifier,
    "GradientBoostingRegressor": _boosting_regressor,
}
"""How to describe a model, by its class."""
