"""What a `forward` does beside its layers: functions and methods of tensors, written as nodes of an ONNX graph.

How many rows there are is left open: shapes are those of an example, but for the first dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.layers import LAYERS, Writer

Names = Mapping[Any, str]
"""What each traced node is called in the graph."""
OF_ONE = {"relu": "Relu", "relu_": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log",
          "sqrt": "Sqrt", "abs": "Abs", "neg": "Neg"}
"""Functions of one tensor, also as methods of it."""
OF_TWO = {"add": "Add", "sub": "Sub", "mul": "Mul", "truediv": "Div", "div": "Div", "pow": "Pow", "matmul": "MatMul"}
"""Functions of two tensors, or of a tensor and a number."""
NOTHING = frozenset({"contiguous", "detach", "clone", "float"})
"""Methods that leave numbers of single precision as they are."""
_REQUIRED = object()
AS_LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "max_pool1d": ("MaxPool1d", {"kernel_size": _REQUIRED, "stride": None, "padding": 0, "dilation": 1,
                                 "ceil_mode": False, "return_indices": False}),
    "max_pool2d": ("MaxPool2d", {"kernel_size": _REQUIRED, "stride": None, "padding": 0, "dilation": 1,
                                 "ceil_mode": False, "return_indices": False}),
    "avg_pool2d": ("AvgPool2d", {"kernel_size": _REQUIRED, "stride": None, "padding": 0, "ceil_mode": False,
                                 "count_include_pad": True, "divisor_override": None}),
    "adaptive_avg_pool2d": ("AdaptiveAvgPool2d", {"output_size": _REQUIRED}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {"alpha": 1.0}),
    "gelu": ("GELU", {"approximate": "none"}),
    "silu": ("SiLU", {}),
    "relu6": ("ReLU6", {}),
    "hardswish": ("Hardswish", {}),
    "softplus": ("Softplus", {"beta": 1, "threshold": 20}),
    "softmax": ("Softmax", {"dim": None}),
    "log_softmax": ("LogSoftmax", {"dim": None}),
    "flatten": ("Flatten", {"start_dim": 0, "end_dim": -1}),
}
"""Functions that do what a layer does, with the names and the defaults of their options, in order."""


class _Options:
    """The options of a function, under the names that its layer has for them."""

    def __init__(self, **options: Any) -> None:
        self.__dict__ |= options


def write_function(writer: Writer, node: Any, names: Names) -> str | None:
    """Write a call; gives the name of its output, or None where that is not a tensor (raises `NotCompiled`)."""
    if "tensor_meta" not in node.meta:
        return None  # a size, or a part of a shape; whoever needs more of it than a shape is not compiled
    name = node.target if node.op == "call_method" else node.target.__name__
    first, rest = node.args[0], list(node.args[1:])
    if name in OF_ONE and not rest:
        return writer.add(OF_ONE[name], [_name(names, first)])
    if name in OF_TWO and len(rest) == 1 and not node.kwargs:
        return writer.add(OF_TWO[name], [_operand(writer, names, one) for one in node.args])
    if name in AS_LAYERS:
        kind, defaults = AS_LAYERS[name]
        given = dict(zip(defaults, rest, strict=False)) | node.kwargs
        return LAYERS[kind](writer, _name(names, first), _Options(**{**defaults, **given}), rank_of(first))
    if name in NOTHING:
        return _name(names, first)
    if name in _OTHERS:
        return _OTHERS[name](writer, names, node)
    raise NotCompiled(f"{name} is not compiled")


def rank_of(node: Any) -> int:
    """Give the number of dimensions of a traced tensor."""
    return len(_shape(node))


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape)


def _name(names: Names, node: Any) -> str:
    if node not in names:
        raise NotCompiled(f"{node} is not compiled: it is not a tensor")
    return names[node]


def _operand(writer: Writer, names: Names, operand: Any) -> str:
    return writer.keep(np.float32(operand)) if isinstance(operand, (int, float)) else _name(names, operand)


def _option(node: Any, place: int, name: str, default: Any = None) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def _reshape(writer: Writer, names: Names, node: Any) -> str:
    """Write a view: where the first dimension stays, no row gets numbers of another one."""
    before, after = _shape(node.args[0]), _shape(node)
    if before[0] != after[0]:
        raise NotCompiled(f"{node.target} that changes the number of rows is not compiled")
    shape = writer.keep(np.array([0, *after[1:]], np.int64))  # 0: as it was
    return writer.add("Reshape", [_name(names, node.args[0]), shape])


def _unsqueeze(writer: Writer, names: Names, node: Any) -> str:
    return writer.add("Unsqueeze", [_name(names, node.args[0]), _axes(writer, _option(node, 1, "dim"))])


def _squeeze(writer: Writer, names: Names, node: Any) -> str:
    dim = _option(node, 1, "dim")
    if not isinstance(dim, int) or _shape(node.args[0])[dim] != 1:
        raise NotCompiled("squeeze of all dimensions, or of one that is larger, is not compiled")
    return writer.add("Squeeze", [_name(names, node.args[0]), _axes(writer, dim)])


def _reduce(kind: str) -> Callable[[Writer, Names, Any], str]:
    def write(writer: Writer, names: Names, node: Any) -> str:
        dim = _option(node, 1, "dim")
        if dim is None:
            raise NotCompiled(f"{node.target} over all rows is not compiled")
        keep = int(_option(node, 2, "keepdim", default=False))
        return writer.add(kind, [_name(names, node.args[0]), _axes(writer, dim)], keepdims=keep)

    return write


def _axes(writer: Writer, dim: Any) -> str:
    return writer.keep(np.array([dim] if isinstance(dim, int) else list(dim), np.int64))


def _transpose(writer: Writer, names: Names, node: Any) -> str:
    order = list(range(rank_of(node.args[0])))
    one, other = node.args[1:3]
    order[one], order[other] = order[other], order[one]
    return writer.add("Transpose", [_name(names, node.args[0])], perm=np.array(order))


def _permute(writer: Writer, names: Names, node: Any) -> str:
    dims = node.args[1:] if isinstance(node.args[1], int) else node.args[1]
    order = [dim % rank_of(node.args[0]) for dim in dims]
    return writer.add("Transpose", [_name(names, node.args[0])], perm=np.array(order))


def _concatenate(writer: Writer, names: Names, node: Any) -> str:
    parts = [_name(names, one) for one in node.args[0]]
    return writer.add("Concat", parts, axis=int(_option(node, 1, "dim", 0)))


def _dropout(writer: Writer, names: Names, node: Any) -> str:  # noqa: ARG001 - as the others
    if _option(node, 2, "training", default=True):
        raise NotCompiled("dropout that goes on outside of training is not compiled: pass training=self.training")
    return _name(names, node.args[0])


_OTHERS: dict[str, Callable[[Writer, Names, Any], str]] = {
    "view": _reshape, "reshape": _reshape, "unsqueeze": _unsqueeze, "squeeze": _squeeze, "mean": _reduce("ReduceMean"),
    "sum": _reduce("ReduceSum"), "transpose": _transpose, "permute": _permute, "cat": _concatenate,
    "dropout": _dropout,
}
