"""On which device captured values lie: tensors, arrays and models of the frameworks that know GPUs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Placement:
    """What a captured value has on one device."""

    framework: str
    """The module that the objects belong to: `torch`."""
    kind: str
    """What they are called: `tensor`, `array`, `device`, `model`."""
    device: str
    """As the framework calls it: `cuda:0`, `gpu`."""
    count: int = 1
    size: int = 0
    """Bytes, as far as the objects tell."""


def find_placement(value: Any) -> Placement | None:
    """Tell on which device an object lies; None for the processor's memory, and for objects that lie nowhere."""
    module = type(value).__module__
    read = _READERS.get((module.partition(".")[0], type(value).__name__))
    found = read(value) if read is not None else None
    return None if found is None or _is_processor(found.device) else found


def join_placements(found: Iterable[Placement | None]) -> tuple[Placement, ...]:
    """Add up what belongs to one framework and lies on one device."""
    joined: dict[tuple[str, str, str], Placement] = {}
    for one in found:
        if one is not None:
            key = (one.framework, one.kind, one.device)
            before = joined.get(key, replace(one, count=0, size=0))
            joined[key] = replace(one, count=before.count + one.count, size=before.size + one.size)
    return tuple(joined[key] for key in sorted(joined))


def _is_processor(device: str) -> bool:
    return device.lower().rpartition("device:")[2].partition(":")[0] in ("cpu", "meta", "")


def _torch_tensor(value: Any) -> Placement:
    return Placement("torch", "tensor", str(value.device), size=value.numel() * value.element_size())


def _torch_device(value: Any) -> Placement:
    return Placement("torch", "device", str(value))


def _cupy_array(value: Any) -> Placement:
    return Placement("cupy", "array", f"cuda:{value.device.id}", size=value.nbytes)


def _jax_array(value: Any) -> Placement:
    return Placement("jax", "array", min(device.platform for device in value.devices()), size=value.nbytes)


def _tensorflow_tensor(value: Any) -> Placement:
    return Placement("tensorflow", "tensor", str(value.device), size=value.shape.num_elements() * value.dtype.size)


def _keras_model(value: Any) -> Placement | None:
    weights = join_placements(find_placement(getattr(one, "value", one)) for one in value.weights)
    return replace(weights[0], kind="weight") if weights else None


def _cudf_table(value: Any) -> Placement:
    return Placement("cudf", "table", "cuda", size=int(value.memory_usage(deep=True).sum()))


def _booster(value: Any) -> Placement:
    device = json.loads(value.save_config())["learner"]["generic_param"]["device"]
    return Placement("xgboost", "model", device, size=len(value.save_raw("ubj")) if not _is_processor(device) else 0)


_READERS: dict[tuple[str, str], Callable[[Any], Placement | None]] = {
    ("torch", "Tensor"): _torch_tensor,
    ("torch", "Parameter"): _torch_tensor,
    ("torch", "device"): _torch_device,
    ("cupy", "ndarray"): _cupy_array,
    ("jaxlib", "ArrayImpl"): _jax_array,
    ("tensorflow", "EagerTensor"): _tensorflow_tensor,
    ("tensorflow", "ResourceVariable"): _tensorflow_tensor,
    ("keras", "Sequential"): _keras_model,
    ("keras", "Functional"): _keras_model,
    ("cudf", "DataFrame"): _cudf_table,
    ("cudf", "Series"): _cudf_table,
    ("xgboost", "Booster"): _booster,
}
"""By the first part of a type's module and its name."""
