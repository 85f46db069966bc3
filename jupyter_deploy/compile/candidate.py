"""What can be compiled, and the description of the compiled form."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.steps import describe_steps, own_name
from jupyter_deploy.runtime.compiled.description import Description


@dataclass(frozen=True)
class Head:
    """What scores the rows at the end of a pipeline, and what becomes of the scores."""

    score: Description
    link: str | None = "itself"
    """How scores become probabilities (of a regressor: numbers); None: the original gives no probabilities."""
    choose: str | None = None
    """How a class is chosen; None: it is a regressor."""
    decides: bool = False
    """Whether the original has a `decision_function`."""
    flat: bool = True
    """Whether a regressor gives a number for each row."""
    classes: Any = None
    dtype: str | None = None
    thresholds: dict[int, Any] = field(default_factory=dict)
    """Numbers at which answers change, by feature: rows near them are tried."""

    @property
    def finite(self) -> bool:
        """Whether it refuses infinity, so that no step before needs to."""
        return bool(self.score["form"] == "linear" or self.score["missing"] != "anything")


@dataclass(frozen=True)
class Candidate:
    """A compiled form of a model, to be tried."""

    description: Description
    head: Head
    needs: tuple[str, ...]
    """Modules that it needs where it runs."""
    estimator: Any
    """What scores the rows in the original."""
    before: tuple[Any, ...] = ()
    """A pipeline's first steps, if they stay as they are."""
    left: str = ""
    """Why they stay."""

    @property
    def thresholds(self) -> dict[int, Any]:
        """Where answers turn, by feature of what the whole is asked; nothing is known of it behind other steps."""
        return {} if self.before or self.description["steps"] else self.head.thresholds

    @property
    def takes_missing(self) -> bool:
        """Whether it answers rows with NaN, and no step comes before."""
        first = not self.before and not self.description["steps"]
        return first and self.head.score.get("missing", "nothing") != "nothing"

    @property
    def form(self) -> str:
        """What it is, for people."""
        engine = "ONNX Runtime" if "onnxruntime" in self.needs else "NumPy"
        return f"{engine} behind {type(self.before[-1]).__name__}" if self.before else engine


_MAKERS = {
    "sklearn.linear_model": "linear", "sklearn.svm": "linear",
    "sklearn.ensemble._forest": "forests", "sklearn.tree": "forests", "sklearn.ensemble._gb": "forests",
    "sklearn.ensemble._hist_gradient_boosting": "histograms",
    "xgboost": "boosters_xgboost", "lightgbm": "boosters_lightgbm",
}
"""Which module of ours knows the models of a package."""


def find_candidate(model: Any) -> Candidate:
    """Describe a compiled form of a model (raises `NotCompiled`, with the reason)."""
    transformers, estimator = _take_apart(model)
    head = _make_head(estimator)
    before, steps, left = _split(transformers, head)
    behind = transformers[len(before):]
    outer = behind[0] if behind else estimator
    asked = outer if before else model
    described: Description = {
        "type": type(model).__name__,
        "kind": "regressor" if head.choose is None else "classifier",
        "owner": type(outer).__name__,
        "width": int(asked.n_features_in_),
        "names": _names(asked),
        "dtype": None if behind else head.dtype,
        "steps": steps,
        "score": head.score,
        "link": head.link,
    }
    if head.choose is None:
        described["flat"] = head.flat
    else:
        described |= {"choose": head.choose, "decides": head.decides, "classes": head.classes}
    needs = ("numpy", "onnxruntime") if head.score["form"] == "trees" else ("numpy",)
    return Candidate(described, head, needs, estimator, tuple(before), left)


def _split(transformers: list[Any], head: Head) -> tuple[list[Any], list[Description], str]:
    """Give the first steps that stay as they are, the description of the others, and why the first ones stay."""
    left = ""
    for count in range(len(transformers) + 1):
        try:
            return transformers[:count], describe_steps(transformers[count:], checks=not head.finite), left
        except NotCompiled as error:
            left = left or str(error)
    raise AssertionError("no step at all can always be described")


def _take_apart(model: Any) -> tuple[list[Any], Any]:
    """Give a pipeline's transformers, those of pipelines in it one by one, and its last step; of a search its best."""
    if own_name(model).startswith("sklearn.model_selection._search") and hasattr(model, "best_estimator_"):
        return _take_apart(model.best_estimator_)
    if own_name(model) != "sklearn.pipeline.Pipeline":
        return [], model
    *before, last = [step for _, step in model.steps]
    inner, estimator = _take_apart(last)
    flat: list[Any] = []
    for step in before:
        if own_name(step) == "sklearn.pipeline.Pipeline":
            flat += [one for _, one in step.steps]
        elif step is not None and step != "passthrough":
            flat.append(step)
    return [*flat, *inner], estimator


def _make_head(estimator: Any) -> Head:
    module = type(estimator).__module__
    name = next((name for start, name in _MAKERS.items() if f"{module}.".startswith(f"{start}.")), None)
    makers: dict[str, Callable[[Any], Head]] = {}
    if name is not None:
        makers = importlib.import_module(f"jupyter_deploy.compile.{name}").HEADS
    make = makers.get(type(estimator).__name__)
    if make is None:
        raise NotCompiled(f"there is no compiled form of {type(estimator).__name__}")
    return make(estimator)


def _names(model: Any) -> list[str] | None:
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        return None
    if not all(isinstance(name, str) for name in names):
        raise NotCompiled("its features have names that are not text")
    return [str(name) for name in names]


def read_classes(estimator: Any) -> Any:
    """Give a classifier's classes (raises `NotCompiled` for several outputs)."""
    classes = estimator.classes_
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        raise NotCompiled(f"{type(estimator).__name__} has more than one output")
    if classes.dtype.kind not in "biufUO" or (
        classes.dtype.kind == "O" and not all(isinstance(one, (str, bool, int, float)) for one in classes.tolist())
    ):
        raise NotCompiled(f"its classes are of dtype {classes.dtype}")
    return classes
