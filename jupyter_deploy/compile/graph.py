"""ONNX graphs, written without the `onnx` package: an ensemble of trees is one node, and the format takes a page.

Numbers of messages and fields are those of onnx.proto; the node of trees is `TreeEnsemble` of ai.onnx.ml
5, which is the one whose sums can be of double precision.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jupyter_deploy.compile.trees import Ensemble

_TYPES = {"float32": 1, "uint8": 2, "int64": 7, "float64": 11}
_REAL, _INT, _TEXT, _TENSOR, _INTS = 1, 2, 3, 4, 7
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
    node = message({1: ["X"], 2: ["Y"], 4: ["TreeEnsemble"], 5: _attributes(attributes), 7: ["ai.onnx.ml"]})
    return write_model([node], {}, dtype, rank=2)


def write_model(nodes: Sequence[bytes], constants: Mapping[str, Any], dtype: str, *, rank: int) -> bytes:
    """Give the bytes of a model of nodes and named arrays: from `X`, of any size in each of its dimensions, to `Y`."""
    tensors = [_tensor(name, value) for name, value in constants.items()]
    graph = message({1: list(nodes), 2: ["model"], 5: tensors, 11: [_value("X", dtype, rank)],
                     12: [_value("Y", dtype, None)]})
    opsets = [message({1: [domain], 2: [version]}) for domain, version in (("", OPSET), ("ai.onnx.ml", ML_OPSET))]
    return message({1: [IR_VERSION], 7: [graph], 8: opsets})


def write_node(operator: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Any]) -> bytes:
    """Give the bytes of a node; an attribute is a number, a text, or an array of whole numbers."""
    return message({1: list(inputs), 2: [output], 4: [operator], 5: _attributes(attributes)})


def _tensor(name: str, value: Any) -> bytes:
    return message({1: list(value.shape), 2: [_TYPES[value.dtype.name]], 8: [name], 9: [value.tobytes()]})


def _attributes(values: Mapping[str, Any]) -> list[bytes]:
    return [_attribute(name, value) for name, value in values.items()]


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, int):
        return message({1: [name], 3: [value], 20: [_INT]})
    if isinstance(value, float):
        return message({1: [name], 2: [value], 20: [_REAL]})
    if isinstance(value, str):
        return message({1: [name], 4: [value], 20: [_TEXT]})
    if value.dtype.kind == "f" or value.dtype == np.uint8:
        return message({1: [name], 5: [_tensor(name, value)], 20: [_TENSOR]})
    return message({1: [name], 8: [_numbers(value)], 20: [_INTS]})


def _value(name: str, dtype: str, rank: int | None) -> bytes:
    described: dict[int, list[Any]] = {1: [_TYPES[dtype]]}
    if rank is not None:
        described[2] = [message({1: [message({})] * rank})]
    return message({1: [name], 2: [message({1: [message(described)]})]})


def message(fields: Mapping[int, list[Any]]) -> bytes:
    """Write a message: the values of each field, which are whole numbers, floats (of 32 bits), texts or messages."""
    parts: list[bytes] = []
    for number, values in fields.items():
        for value in values:
            if isinstance(value, int):
                parts += [_number(number << 3), _number(value)]
            elif isinstance(value, float):
                parts += [_number(number << 3 | 5), struct.pack("<f", value)]
            else:
                data = value.encode() if isinstance(value, str) else value
                parts += [_number(number << 3 | 2), _number(len(data)), data]
    return b"".join(parts)


def _number(value: int) -> bytes:
    """Write a number seven bits a byte, the lowest first; one below zero as its 64 bits."""
    out = bytearray()
    value &= (1 << 64) - 1
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
