"""GPUs hidden from a service that is to go without: the proof then shows what it answers on the processor."""

from __future__ import annotations

import os

from .manifest import Manifest

_VARIABLE = "CUDA_VISIBLE_DEVICES"
_NONE = "-1"
"""No GPU has this number, so CUDA shows none."""


def hide_gpus(manifest: Manifest) -> None:
    """Hide this machine's GPUs from a service that gets none; to be called before anything of it is imported."""
    if manifest.hardware is not None and manifest.hardware.gpu == "none":
        os.environ[_VARIABLE] = _NONE


def choose_device(device: str) -> str:
    """Give the device for a tensor that was captured on `device`: the processor where GPUs are hidden."""
    return "cpu" if device.startswith("cuda") and os.environ.get(_VARIABLE) == _NONE else device
