"""The ONNX graph of an ensemble of trees, written without the `onnx` package: it is one node and takes a page.

Numbers of messages and fields are those of onnx.proto; the node is `TreeEnsemble` of ai.onnx.ml 5, which is the one
whose sums can be of double precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jupyter_deploy.compile.trees import Ensemble

_FLOAT, _DOUBLE, _UINT8 = 1, 11, 2
_TYPES = {"float32": _FLOAT, "float64": _DOUBLE, "uint8": _UINT8}
_INT, _TENSOR, _INTS = 2, 4, 7
"""Types of attributes."""
IR_VERSION, OPSET, ML_OPSET = 10, 21, 5


def write_graph(ensemble: Ensemble, dtype: str) -> bytes:
    """Give the bytes of a model that takes `X`, rows of numbers of `dtype`, and gives `Y`, the sums over all trees."""
    attributes: dict[str, Any] = {
        "aggregate_function": 1,  # the sum
        "leaf_targetids": ensemble.leaf_targets,
        "leaf_weights": ensemble.leaf_values.astype(dtype),
        "n_targets": ensemble.targets,
        "nodes_falseleafs": ensemble.right_is_leaf,
        "nodes_falsenodeids": ensemble.right,
        "nodes_featureids": ensemble.features,
        "nodes_missing_value_tracks_true": ensemble.missing_left,
        "nodes_modes": ensemble.modes.astype(np.uint8),
        "nodes_splits": ensemble.thresholds.astype(dtype),
        "nodes_trueleafs": ensemble.left_is_leaf,
        "nodes_truenodeids": ensemble.left,
        "post_transform": 0,
        "tree_roots": ensemble.roots,
    }
    node = _message({1: ["X"], 2: ["Y"], 4: ["TreeEnsemble"], 5: _attributes(attributes), 7: ["ai.onnx.ml"]})
    graph = _message({1: [node], 2: ["trees"], 11: [_table("X", dtype)], 12: [_table("Y", dtype)]})
    opsets = [_message({1: [domain], 2: [version]}) for domain, version in (("", OPSET), ("ai.onnx.ml", ML_OPSET))]
    return _message({1: [IR_VERSION], 7: [graph], 8: opsets})


def _attributes(values: Mapping[str, Any]) -> list[bytes]:
    return [_attribute(name, value) for name, value in values.items()]


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, int):
        return _message({1: [name], 3: [value], 20: [_INT]})
    if value.dtype.kind == "f" or value.dtype == np.uint8:
        tensor = _message({1: [len(value)], 2: [_TYPES[value.dtype.name]], 8: [name], 9: [value.tobytes()]})
        return _message({1: [name], 5: [tensor], 20: [_TENSOR]})
    return _message({1: [name], 8: [_numbers(value)], 20: [_INTS]})


def _table(name: str, dtype: str) -> bytes:
    anything = _message({})
    shape = _message({1: [anything, anything]})
    return _message({1: [name], 2: [_message({1: [_message({1: [_TYPES[dtype]], 2: [shape]})]})]})


def _message(fields: Mapping[int, list[Any]]) -> bytes:
    parts: list[bytes] = []
    for number, values in fields.items():
        for value in values:
            if isinstance(value, int):
                parts += [_number(number << 3), _number(value)]
            else:
                data = value.encode() if isinstance(value, str) else value
                parts += [_number(number << 3 | 2), _number(len(data)), data]
    return b"".join(parts)


def _number(value: int) -> bytes:
    """Write a number seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _numbers(values: Any) -> bytes:
    """Write many numbers so, all at once: an ensemble has a million of them."""
    wide = np.asarray(values, np.uint64)
    shifts = np.arange(0, 35, 7, dtype=np.uint64)
    groups = wide[:, None] >> shifts
    kept = groups > 0
    kept[:, 0] = True
    more = np.zeros_like(kept)
    more[:, :-1] = kept[:, 1:]
    return (groups.astype(np.uint8) & 0x7F | (more.astype(np.uint8) << 7))[kept].tobytes()
