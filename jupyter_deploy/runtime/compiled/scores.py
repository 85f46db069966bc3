"""Scores of rows: by weights, or by trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..telemetry import disable_telemetry
from .rows import Array, check_finite

Score = Callable[[Array], Array]
"""Gives a column of scores for each output."""
ROWS = 256
"""Rows that go through trees at a time: their leaves stay in the processor's cache."""


def open_session(graph: Array) -> Callable[..., list[Array]]:
    """Let ONNX Runtime read a graph; gives what runs it on one thread, from names of outputs and inputs by name."""
    disable_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.tobytes(), options, providers=["CPUExecutionProvider"])
    # What `InferenceSession.run` does beyond this is checks, at a quarter of a small call's cost.
    run: Callable[..., list[Array]] = session._sess.run  # noqa: SLF001
    return run


class Linear:
    """Weights and an intercept for each output; each row is multiplied alone, as the original does with one row."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._weights = described["weights"].T  # stands in memory as the original's does, a vector or a matrix
        self._intercept = described["intercept"]
        self._owner = described["owner"]

    def __call__(self, rows: Array) -> Array:
        """Give the scores (raises `ValueError` for NaN and infinity)."""
        check_finite(rows, self._owner, missing=False)
        rows = np.ascontiguousarray(rows)
        products = rows @ self._weights if len(rows) == 1 else rows[:, None, :] @ self._weights
        return products.reshape(len(rows), -1) + self._intercept


class Trees:
    """An ensemble of trees, run by ONNX Runtime on one thread."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._run = open_session(described["graph"])
        self._dtype = np.dtype(described["dtype"])
        self._narrow = described["narrow"]
        self._missing = described["missing"]
        self._owner = described["owner"]
        self._divisor = described["divisor"]
        self._leaves = described["leaves"]
        self._complement = described["complement"]

    def __call__(self, rows: Array) -> Array:
        """Give the scores (raises `ValueError` for what the original does not take)."""
        if self._narrow and rows.dtype != np.float32:
            rows = rows.astype(np.float32)
        if self._missing != "anything":
            check_finite(rows, self._owner, missing=self._missing == "missing")
        if rows.dtype != self._dtype:
            rows = rows.astype(self._dtype)
        if self._complement:
            scores = self._count(rows)
        elif self._leaves is None:
            scores = self._ask(rows)
        elif len(rows) <= ROWS:
            scores = self._add_up(rows)
        else:
            scores = np.concatenate([self._add_up(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS)])
        if self._divisor != 1:
            scores /= self._divisor
        return scores

    def _ask(self, rows: Array) -> Array:
        return self._run(["Y"], {"X": np.ascontiguousarray(rows)}, None)[0]

    def _count(self, rows: Array) -> Array:
        """Give both classes' votes, from those for the second."""
        votes = self._ask(rows)
        scores = np.empty((len(rows), 2))
        np.subtract(self._divisor, votes[:, 0], out=scores[:, 0])
        scores[:, 1] = votes[:, 0]
        return scores

    def _add_up(self, rows: Array) -> Array:
        """Look up what each tree's leaf says, and add it up in the trees' order."""
        leaves = self._ask(rows).T.astype(np.intp)
        return np.add.reduce(self._leaves[leaves], axis=0)


SCORES: dict[str, Callable[[dict[str, Any]], Score]] = {"linear": Linear, "trees": Trees}
