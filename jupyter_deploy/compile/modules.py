"""PyTorch modules: traced by `torch.fx`, and written as an ONNX graph of the usual layers.

PyTorch's own exporter takes two more packages and several seconds. `torch.fx` comes with PyTorch and traces a module
in milliseconds; what it cannot follow, or has no line here, stays on PyTorch.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from jupyter_deploy.compile.candidate import Candidate, Head
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.functions import rank_of, write_function
from jupyter_deploy.compile.graph import write_model
from jupyter_deploy.compile.layers import LAYERS, Writer
from jupyter_deploy.compile.trial import Trial, try_out

COUNT = 512
"""Rows that are tried."""
SPREAD = 0.2
LARGEST = 1 << 30
"""Bytes of weights: a graph has to be smaller than 2 GiB."""

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
            names[node] = writer.keep(operator.attrgetter(node.target)(model).detach().numpy())
        elif node.op == "output":
            if not isinstance(node.args[0], torch.fx.Node):
                raise NotCompiled("it gives more than one tensor")
            writer.add("Identity", [names[node.args[0]]], "Y")
        elif node.op == "call_module":
            names[node] = _write_layer(writer, node, names, model)
        elif (name := write_function(writer, node, names)) is not None:
            names[node] = name
    return write_model(writer.nodes, writer.constants, "float32", rank=example.ndim)


def _write_layer(writer: Writer, node: Any, names: dict[Any, str], model: Any) -> str:
    layer = model.get_submodule(node.target)
    kind = type(layer).__name__
    if not type(layer).__module__.startswith("torch.nn.") or kind not in LAYERS or len(node.args) != 1:
        raise NotCompiled(f"the layer {kind} is not compiled")
    return LAYERS[kind](writer, names[node.args[0]], layer, rank_of(node.args[0]))


def try_module(model: Any, compiled: Any, methods: Sequence[str], asked: Sequence[Any]) -> Trial:
    """Compare a module with its compiled form, on what it was asked and on such rows varied (raises `NotCompiled`)."""
    import torch

    like = [one for one in asked if isinstance(one, torch.Tensor) and one.shape[1:] == asked[0].shape[1:]]
    with torch.inference_mode():
        return try_out(model, compiled, methods, vary(torch.cat(like), COUNT), asked)


def vary(rows: Any, count: int) -> Any:
    """Give so many rows like those of a tensor, always the same ones."""
    import torch

    chance = torch.Generator().manual_seed(0)
    picked = rows[torch.randint(len(rows), (count,), generator=chance)]
    return picked * (1 + SPREAD * torch.randn(picked.shape, generator=chance))
