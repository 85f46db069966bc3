"""Compiled models: what answers in place of an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np

from .links import CHOICES, LINKS
from .rows import Array, Reader
from .scores import SCORES
from .steps import build_steps


class CompiledModel:
    """Answers as the original does; what it has beyond that is what an entry may ask an estimator for."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._original = described["type"]
        self.n_features_in_ = described["width"]
        names = described["names"]
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        self._read = Reader(described["owner"], described["width"], names, described["dtype"])
        self._steps = build_steps(described["steps"], self._read)
        self._score = SCORES[described["score"]["form"]](described["score"])

    def __repr__(self) -> str:
        return f"<compiled {self._original}>"

    def _ask(self, data: Any) -> Array:
        for step in self._steps:
            data = step(data)
        return self._score(data)


class CompiledRegressor(CompiledModel):
    """Predicts numbers."""

    def __init__(self, described: dict[str, Any]) -> None:
        super().__init__(described)
        self._link = LINKS[described["link"]]
        self._flat = described["flat"]

    def predict(self, data: Any) -> Array:
        """Give a number for each row, or a row of numbers."""
        found = self._link(self._ask(data))
        return found.ravel() if self._flat else found


class CompiledClassifier(CompiledModel):
    """Predicts classes."""

    def __init__(self, described: dict[str, Any]) -> None:
        super().__init__(described)
        self.classes_ = described["classes"]
        self._link = None if described["link"] is None else LINKS[described["link"]]
        self._choose = CHOICES[described["choose"]]
        self._decides = described["decides"]

    def predict(self, data: Any) -> Array:
        """Give the class of each row."""
        return self.classes_[self._choose(self._ask(data), self._link or LINKS["itself"])]

    def predict_proba(self, data: Any) -> Array:
        """Give each class's probability for each row."""
        if self._link is None:
            raise AttributeError(f"This {self._original!r} has no attribute 'predict_proba'")
        return self._link(self._ask(data))

    def predict_log_proba(self, data: Any) -> Array:
        """Give the logarithm of each class's probability."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(data))

    def decision_function(self, data: Any) -> Array:
        """Give the scores before they become probabilities."""
        if not self._decides:
            raise AttributeError(f"This {self._original!r} has no attribute 'decision_function'")
        scores = self._ask(data)
        return scores.ravel() if scores.shape[1] == 1 else scores


def build_model(described: dict[str, Any]) -> Any:
    """Build a model from its description."""
    if described["kind"] == "module":
        from .module import CompiledModule

        return CompiledModule(described)
    kinds: dict[str, type[CompiledModel]] = {"classifier": CompiledClassifier, "regressor": CompiledRegressor}
    return kinds[described["kind"]](described)
