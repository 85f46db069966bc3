"""Compiled PyTorch modules: tensors in, tensors out, and ONNX Runtime in between."""

from __future__ import annotations

from typing import Any

from .scores import open_session


class CompiledModule:
    """Answers as the original does in evaluation: `module(tensor)`, of float32 on the CPU."""

    training = False

    def __init__(self, described: dict[str, Any]) -> None:
        import torch

        self._from_numpy = torch.from_numpy
        self._float32 = torch.float32
        self._original = described["type"]
        self._rank = described["rank"]
        self._run = open_session(described["score"]["graph"])

    def __repr__(self) -> str:
        return f"<compiled {self._original}>"

    def __call__(self, data: Any) -> Any:
        """Give the module's output (raises `RuntimeError` for what it does not take, as the original does)."""
        if data.dtype != self._float32 or data.ndim != self._rank:
            raise RuntimeError(f"{self._original} takes a tensor of float32 with {self._rank} dimensions, but it was "
                               f"called with one of {data.dtype} with {data.ndim}")
        try:
            found = self._run(["Y"], {"X": data.detach().contiguous().numpy()}, None)[0]
        except Exception as error:
            raise RuntimeError(f"{self._original} does not take a tensor of {list(data.shape)}") from error
        return self._from_numpy(found)

    forward = __call__

    def eval(self) -> CompiledModule:
        """Do nothing: this is evaluation."""
        return self
