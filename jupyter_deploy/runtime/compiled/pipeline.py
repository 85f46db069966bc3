"""A pipeline whose end is compiled: its first steps stay as they are, and hand their rows to the compiled model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .description import parse_description
from .model import build_model
from .rows import Array


class PartlyCompiled:
    """Transforms rows by the original steps, and asks the compiled model behind them.

    Parameters
    ----------
    steps
        Fitted transformers, in order; at least one.
    files
        The description of the model behind them, as its files by suffix.

    """

    def __init__(self, steps: Sequence[Any], files: Mapping[str, Any]) -> None:
        self._steps = tuple(steps)
        self._model = build_model(parse_description(files))
        first = steps[0]
        for owner, name in ((first, "n_features_in_"), (first, "feature_names_in_"), (self._model, "classes_")):
            if hasattr(owner, name):
                setattr(self, name, getattr(owner, name))

    def __repr__(self) -> str:
        names = ", ".join(type(step).__name__ for step in self._steps)
        return f"<{self._model!r} behind {names}>"

    def _transform(self, rows: Any) -> Any:
        for step in self._steps:
            rows = step.transform(rows)
        return rows

    def predict(self, rows: Any) -> Array:
        """Give the class or the number of each row."""
        return self._model.predict(self._transform(rows))

    def predict_proba(self, rows: Any) -> Array:
        """Give each class's probability for each row."""
        return self._model.predict_proba(self._transform(rows))

    def predict_log_proba(self, rows: Any) -> Array:
        """Give the logarithm of each class's probability."""
        return self._model.predict_log_proba(self._transform(rows))

    def decision_function(self, rows: Any) -> Array:
        """Give the scores before they become probabilities."""
        return self._model.decision_function(self._transform(rows))
