"""The graph that is written by hand, as ONNX Runtime reads it."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from jupyter_deploy.compile.graph import _numbers, write_graph
from jupyter_deploy.compile.trees import BELOW, EnsembleBuilder


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_begin_with_a_constant_and_go_on_in_order(dtype: str) -> None:
    builder = EnsembleBuilder(2)
    builder.add_constant(0.5, 1)
    for number in range(300):  # more than a varint's first byte
        builder.add(np.array([1, -1, -1]), np.array([2, -1, -1]), np.array([number % 2, 0, 0]),
                    np.array([float(number), 0, 0]), np.array([0, 0.1, 10.0]), target=0, mode=BELOW,
                    missing_left=np.array([True, False, False]))
    session = onnxruntime.InferenceSession(write_graph(builder.build(), dtype))
    rows = np.array([[-1.0, -1.0], [1e9, 1e9], [np.nan, np.nan], [150.0, 150.0]], dtype)
    found = session.run(None, {"X": rows})[0]
    expected = np.zeros((4, 2), dtype)
    expected[:, 1] = 0.5
    for number in range(300):
        left = ~(rows[:, number % 2] >= number)
        expected[:, 0] += np.where(left, 0.1, 10.0).astype(dtype)
    assert found.dtype == dtype
    assert (found == expected).all()


@pytest.mark.parametrize(("number", "data"), [
    (0, b"\x00"), (1, b"\x01"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (2**31, b"\x80\x80\x80\x80\x08")])
def test_numbers_are_written_as_varints(number: int, data: bytes) -> None:
    assert _numbers(np.array([number, 5])) == data + b"\x05"
