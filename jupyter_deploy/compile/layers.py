"""The usual layers of `torch.nn`, written as nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.graph import write_node

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


def _spread(value: Any, dimensions: int) -> list[int]:
    return [value] * dimensions if isinstance(value, int) else list(value)


def _pool(kind: str, dimensions: int) -> Layer:
    def write(writer: Writer, data: str, layer: Any, rank: int) -> str:
        odd = layer.ceil_mode or getattr(layer, "return_indices", False) or getattr(layer, "divisor_override", None)
        if rank != dimensions + 2 or odd or getattr(layer, "dilation", 1) not in (1, (1,) * dimensions):
            raise NotCompiled(f"{layer} is not compiled")
        stride = layer.kernel_size if layer.stride in (None, []) else layer.stride  # which functions may leave open
        more: dict[str, Any] = {"count_include_pad": int(layer.count_include_pad)} if kind == "AveragePool" else {}
        return writer.add(kind, [data], kernel_shape=np.array(_spread(layer.kernel_size, dimensions)),
                          strides=np.array(_spread(stride, dimensions)),
                          pads=np.array(_spread(layer.padding, dimensions) * 2), **more)

    return write


def _average(writer: Writer, data: str, layer: Any, rank: int) -> str:
    if rank != 4 or layer.output_size not in (1, (1, 1), [1, 1]):
        raise NotCompiled(f"{layer} is not compiled")
    return writer.add("GlobalAveragePool", [data])


def _same(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    return data


def _silu(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    return writer.add("Mul", [data, writer.add("Sigmoid", [data])])


def _relu6(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    return writer.add("Clip", [data, writer.keep(np.float32(0)), writer.keep(np.float32(6))])


def _hard_sigmoid(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    return writer.add("HardSigmoid", [data], None, alpha=1 / 6, beta=0.5)


def _softplus(writer: Writer, data: str, layer: Any, rank: int) -> str:  # noqa: ARG001
    if (layer.beta, layer.threshold) != (1, 20):
        raise NotCompiled(f"{layer} is not compiled")
    return writer.add("Softplus", [data])


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
    "BatchNorm2d": _batch_norm, "LayerNorm": _layer_norm, "MaxPool1d": _pool("MaxPool", 1),
    "MaxPool2d": _pool("MaxPool", 2), "AvgPool1d": _pool("AveragePool", 1), "AvgPool2d": _pool("AveragePool", 2),
    "AdaptiveAvgPool2d": _average, "Flatten": _flatten,
    "Softmax": _softmax("Softmax"), "LogSoftmax": _softmax("LogSoftmax"), "ReLU": _simple("Relu"),
    "Sigmoid": _simple("Sigmoid"), "Tanh": _simple("Tanh"), "SiLU": _silu,
    "ReLU6": _relu6, "Hardswish": _simple("HardSwish"), "Hardsigmoid": _hard_sigmoid, "Softplus": _softplus,
    "LeakyReLU": _bent("LeakyRelu", "alpha", "negative_slope", float), "ELU": _bent("Elu", "alpha", "alpha", float),
    "GELU": _bent("Gelu", "approximate", "approximate", str),
    "Identity": _same, "Dropout": _same, "Dropout1d": _same, "Dropout2d": _same,
}
"""By the class of `torch.nn`."""
