"""Which parameters are no caller's business, and what to write where an argument can be no caller's."""

from __future__ import annotations

from typing import Any

import numpy as np

from jupyter_deploy.capture.defaults import own_defaults, write_wrapper
from jupyter_deploy.capture.schema import bind_call, infer_parameters

MODEL, MISSING, BIG = np.vectorize(abs), object(), np.zeros((90, 90))


def served(rows: Any, model: Any = MODEL, k: int = 5, size: int = MISSING, big=BIG, text="t" * 300):  # type: ignore[no-untyped-def, assignment]
    """Take what callers give, and what they do not."""
    return rows, model, k, size, big, text


def train(encoder, rows, *, k=2):  # type: ignore[no-untyped-def]
    """Take an encoder."""
    return encoder, rows, k


def test_defaults_that_no_request_can_carry_are_the_notebooks_own() -> None:
    assert list(own_defaults(served)) == ["model", "big"]
    calls: list[Any] = [((1,), {}), ((2, MODEL), {"k": 3, "big": BIG})]
    assert [one.name for one in infer_parameters(served, calls)] == ["rows", "k", "size", "text"]
    assert bind_call(served, *calls[1]) == {"rows": 2, "k": 3}


def test_a_large_default_is_taken_where_a_call_gave_another() -> None:
    parameters = infer_parameters(served, [((1,), {"big": np.ones((2, 2))})])
    assert {one.name: one.default for one in parameters}["big"] is None
    assert own_defaults(print) == {}


def test_a_wrapper_supplies_what_the_notebook_has() -> None:
    wrapper = "def serve_train(rows, k=2):\n    return train(MODEL, rows, k=k)"
    assert write_wrapper(train, [{"encoder": MODEL, "rows": 1, "k": 3}]) == wrapper
    assert write_wrapper(train, [{"encoder": np.vectorize(len), "rows": 1}]) == wrapper
    assert write_wrapper(train, [{"encoder": MISSING.__class__, "rows": 1}]) is None
