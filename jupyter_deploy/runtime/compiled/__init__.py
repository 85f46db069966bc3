"""Models in their compiled forms: what answers in place of a trained model, without the framework that trained it.

A compiled value is data only: a description in JSON, whose arrays stand in a file of buffers beside it. It answers
`predict`, `predict_proba`, `predict_log_proba` and `decision_function` as the original does, with NumPy and, where
there are trees, with ONNX Runtime. Each row is answered by arithmetic of its own, so that it gets the same bits alone
and among others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .description import read_description
from .model import build_model

__all__ = ["build_model", "read_compiled", "read_description"]


def read_compiled(path: Path) -> Any:
    """Read the compiled model whose description is the file `path`."""
    return build_model(read_description(path))
