"""PyTorch modules: traced by `torch.fx`, and written as an ONNX graph of the usual layers.

PyTorch's own exporter takes two more packages and several seconds. `torch.fx` comes with PyTorch and traces a module
in milliseconds; what it cannot follow, or has no line here, stays on PyTorch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jupyter_deploy.compile.candidate import Candidate, Head
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.graph import write_model, write_node
from jupyter_deploy.compile.trial import Trial, try_out

COUNT = 512
"""Rows that are tried."""
SPREAD = 0.2
LARGEST = 1 << 30
"""Bytes of weights: a graph has to be smaller than 2 GiB."""

Array = Any


class Writer:
    """Gathers the nodes and the constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.constants: dict[str, Array] = {}

    def keep(self, value: Any) -> str:
        """Keep a constant; gives its name."""
        name = f"constant_{len(self.constants)}"
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        self.constants[name] = np.ascontiguousarray(array) if array.ndim else array
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node; gives the name of its output."""
        output = output or f"value_{len(self.nodes)}"
        self.nodes.append(write_node(kind, inputs, output, attributes))
        return output


Layer = Callable[[Writer, str, Any, int], str]
"""Writes a layer: from the name of its input, its module (or options) and the dimensions of its input to its output."""


def _weights(tensor: Any) -> Array:
    return tensor.detach().numpy()


def _linear(writer: Writer, data: str, layer: Any, rank: int) -> str:
    bias = [] if layer.bias is None else [writer.keep(_weights(layer.bias))]
    if rank == 2:
        return writer.add("Gemm", [data, writer.keep(_weights(layer.weight)), *bias], transB=1)
    product = writer.add("MatMul", [data, writer.keep(_weights(layer.weight).T)])
    return writer.add("Add", [product, *bias]) if bias else product


def _convolution(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001 - it is a `Layer`
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise NotCompiled(f"{layer} is not compiled")
    bias = [] if layer.bias is None else [writer.keep(_weights(layer.bias))]
    return writer.add("Conv", [data, writer.keep(_weights(layer.weight)), *bias], strides=np.array(layer.stride),
                      pads=np.array([*layer.padding] * 2), dilations=np.array(layer.dilation), group=layer.groups)


def _batch_norm(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    if layer.running_mean is None:
        raise NotCompiled("batch normalisation without running statistics is not compiled")
    count = layer.num_features
    scale = np.ones(count) if layer.weight is None else _weights(layer.weight)
    shift = np.zeros(count) if layer.bias is None else _weights(layer.bias)
    constants = [scale, shift, _weights(layer.running_mean), _weights(layer.running_var)]
    return writer.add("BatchNormalization", [data, *map(writer.keep, constants)], epsilon=float(layer.eps))


def _layer_norm(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    shape = tuple(layer.normalized_shape)
    scale = np.ones(shape) if layer.weight is None else _weights(layer.weight)
    shift = np.zeros(shape) if layer.bias is None else _weights(layer.bias)
    return writer.add("LayerNormalization", [data, writer.keep(scale), writer.keep(shift)], axis=-len(shape),
                      epsilon=float(layer.eps))


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def _pool(kind: str) -> Layer:
    def write(writer: Writer, data: str, layer: Any, rank: int) -> str:
        odd = layer.ceil_mode or getattr(layer, "return_indices", False) or getattr(layer, "divisor_override", None)
        if rank != 4 or odd or getattr(layer, "dilation", 1) not in (1, (1, 1)):
            raise NotCompiled(f"{layer} is not compiled")
        more: dict[str, Any] = {"count_include_pad": int(layer.count_include_pad)} if kind == "AveragePool" else {}
        return writer.add(kind, [data], kernel_shape=np.array(_pair(layer.kernel_size)),
                          strides=np.array(_pair(layer.stride)), pads=np.array(_pair(layer.padding) * 2), **more)

    return write


def _average(writer: Writer, data: str, layer: Any, rank: int) -> str:
    if rank != 4 or layer.output_size not in (1, (1, 1)):
        raise NotCompiled(f"{layer} is not compiled")
    return writer.add("GlobalAveragePool", [data])


def _same(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    return data


def _silu(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    return writer.add("Mul", [data, writer.add("Sigmoid", [data])])


def _simple(kind: str) -> Layer:
    return lambda writer, data, layer, rank: writer.add(kind, [data])  # noqa: ARG005


def _bent(kind: str, attribute: str, option: str, convert: Callable[[Any], Any]) -> Layer:
    """Write an activation with an option of its own."""
    return lambda writer, data, layer, rank: writer.add(  # noqa: ARG005 - it is a `Layer`
        kind, [data], None, **{attribute: convert(getattr(layer, option))})


def _flatten(writer: Writer, data: str, layer: Any, rank: int) -> str:
    if layer.start_dim != 1 or layer.end_dim not in (-1, rank - 1):
        raise NotCompiled("flatten of other dimensions than all but the first is not compiled")
    return writer.add("Flatten", [data], axis=1)


def _softmax(kind: str) -> Layer:
    def write(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
        if layer.dim is None:
            raise NotCompiled("softmax without a dimension is not compiled")
        return writer.add(kind, [data], axis=int(layer.dim))

    return write


LAYERS: dict[str, Layer] = {
    "Linear": _linear, "Conv1d": _convolution, "Conv2d": _convolution, "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm, "LayerNorm": _layer_norm, "MaxPool2d": _pool("MaxPool"),
    "AvgPool2d": _pool("AveragePool"), "AdaptiveAvgPool2d": _average, "Flatten": _flatten,
    "Softmax": _softmax("Softmax"), "LogSoftmax": _softmax("LogSoftmax"), "ReLU": _simple("Relu"),
    "Sigmoid": _simple("Sigmoid"), "Tanh": _simple("Tanh"), "SiLU": _silu,
    "LeakyReLU": _bent("LeakyRelu", "alpha", "negative_slope", float), "ELU": _bent("Elu", "alpha", "alpha", float),
    "GELU": _bent("Gelu", "approximate", "approximate", str),
    "Identity": _same, "Dropout": _same, "Dropout1d": _same, "Dropout2d": _same,
}
"""By the class of `torch.nn`."""
FUNCTIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
"""Functions of one tensor, also as methods of it."""
OPERATORS = {"add": "Add", "sub": "Sub", "mul": "Mul", "truediv": "Div"}
"""Functions of two tensors, or of a tensor and a number."""


def find_candidate(model: Any, asked: Sequence[Any]) -> Candidate:
    """Describe a module's compiled form (raises `NotCompiled`, with the reason)."""
    import torch

    if model.training:
        raise NotCompiled("it is in training mode: call .eval() after training")
    examples = [one for one in asked if isinstance(one, torch.Tensor) and one.ndim > 1 and len(one)]
    if not examples:
        raise NotCompiled("no golden call asks it about a tensor of rows")
    example = examples[0]
    own = [*model.parameters(), *model.buffers()]
    if example.dtype != torch.float32 or any(one.is_floating_point() and one.dtype != torch.float32 for one in own):
        raise NotCompiled("it is not of float32 throughout")
    if any(one.device.type != "cpu" for one in (example, *own)):
        raise NotCompiled("it is not on the CPU")
    if sum(one.nbytes for one in own) > LARGEST:
        raise NotCompiled("it is larger than 1 GiB")
    graph = np.frombuffer(_write(model, example), np.uint8)
    described = {"kind": "module", "type": type(model).__name__, "rank": example.ndim, "steps": [],
                 "score": {"form": "graph", "graph": graph, "missing": "nothing"}}
    return Candidate(described, Head(described["score"]), ("numpy", "onnxruntime", "torch"), model)


def _write(model: Any, example: Any) -> bytes:
    import torch
    from torch.fx.passes.shape_prop import ShapeProp

    try:
        traced = torch.fx.symbolic_trace(model)
        with torch.no_grad():
            ShapeProp(traced).propagate(example)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise NotCompiled(f"torch.fx cannot trace it: {type(error).__name__}: {reason}") from error
    writer, names = Writer(), dict[Any, str]()
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            if names:
                raise NotCompiled("it takes more than one argument")
            names[node] = "X"
        elif node.op == "get_attr":
            names[node] = writer.keep(_weights(operator.attrgetter(node.target)(model)))
        elif node.op == "output":
            if not isinstance(node.args[0], torch.fx.Node):
                raise NotCompiled("it gives more than one tensor")
            writer.add("Identity", [names[node.args[0]]], "Y")
        else:
            names[node] = _write_node(writer, node, names, model)
    return write_model(writer.nodes, writer.constants, "float32", rank=example.ndim)


class _Options:
    """The options of a function, under the names that its layer has for them."""

    def __init__(self, **options: Any) -> None:
        self.__dict__ |= options


def _write_node(writer: Writer, node: Any, names: dict[Any, str], model: Any) -> str:
    if node.op == "call_module":
        layer = model.get_submodule(node.target)
        kind = type(layer).__name__
        if not type(layer).__module__.startswith("torch.nn.") or kind not in LAYERS or len(node.args) != 1:
            raise NotCompiled(f"the layer {kind} is not compiled")
        return LAYERS[kind](writer, names[node.args[0]], layer, _rank(node.args[0]))
    name = node.target if node.op == "call_method" else node.target.__name__
    first, rest = node.args[0], list(node.args[1:])
    if name in FUNCTIONS and not rest:
        return writer.add(FUNCTIONS[name], [names[first]])
    if name in OPERATORS and len(rest) == 1 and not node.kwargs:
        return writer.add(OPERATORS[name], [names[one] if one in names else writer.keep(np.float32(one))
                                            for one in node.args])
    if name in ("softmax", "log_softmax"):
        layer = _Options(dim=node.kwargs.get("dim", *rest[:1] or [None]))
        return LAYERS["Softmax" if name == "softmax" else "LogSoftmax"](writer, names[first], layer, _rank(first))
    if name == "flatten":
        given = dict(zip(("start_dim", "end_dim"), rest, strict=False)) | node.kwargs
        return _flatten(writer, names[first], _Options(**{"start_dim": 0, "end_dim": -1, **given}), _rank(first))
    if name == "squeeze" and rest == [-1]:
        return writer.add("Squeeze", [names[first], writer.keep(np.array([-1], np.int64))])
    raise NotCompiled(f"{name} is not compiled")


def _rank(node: Any) -> int:
    return len(node.meta["tensor_meta"].shape)


def try_module(model: Any, compiled: Any, methods: Sequence[str], asked: Sequence[Any]) -> Trial:
    """Compare a module with its compiled form, on what it was asked and on such rows varied (raises `NotCompiled`)."""
    import torch

    like = [one for one in asked if isinstance(one, torch.Tensor) and one.shape[1:] == asked[0].shape[1:]]
    rows = torch.cat(like)
    chance = torch.Generator().manual_seed(0)
    picked = rows[torch.randint(len(rows), (COUNT,), generator=chance)]
    varied = picked * (1 + SPREAD * torch.randn(picked.shape, generator=chance))
    with torch.inference_mode():
        return try_out(model, compiled, methods, varied, asked)
