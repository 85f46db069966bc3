"""The values that `service.py` reads: `model = load_state("model")`.

Formats, the safest first: `npy`, `arrow`, `xgboost`, `lightgbm`, `json` and `compiled` hold data only. `pickle` holds
objects; it is read by an unpickler that admits only the globals that the manifest lists for that value. Large buffers
stand in a file beside the pickle and are mapped copy-on-write: workers share their pages, and one that writes gets its
own copy.
"""

from __future__ import annotations

import json
import mmap
import pickle
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from .devices import choose_device
from .manifest import Manifest, StateItem, read_manifest

ALIGNMENT = 64
"""Buffers start at multiples of this many bytes, which every array library is content with."""

_PACKAGE = __name__.rpartition(".")[0]
PACKAGING_SIDE = "jupyter_deploy.runtime"
"""What this package is called where bundles are written; pickles made there name its functions so."""


class StateRefused(Exception):
    """A pickled value asks for something that the manifest does not list."""


@lru_cache(maxsize=1)
def _own_manifest() -> tuple[Path, Manifest]:
    bundle = Path(__file__).resolve().parent.parent
    return bundle, read_manifest(bundle)


def load_state(name: str) -> Any:
    """Load the value that the notebook had under `name`; called by `service.py`."""
    bundle, manifest = _own_manifest()
    item = next(item for item in manifest.state if item.name == name)
    return read_state(bundle, item)


def refill(target: Any, source: Any) -> None:
    """Give an object the contents of another one of its kind; called by `service.py` for what definitions fill.

    What has no contents stays as it is.
    """
    if isinstance(target, (list, bytearray)):
        target[:] = source
    elif isinstance(target, (dict, set)):
        target.clear()
        target.update(source)
    elif isinstance(target, deque):
        target.clear()
        target.extend(source)
    elif type(target).__module__ == "numpy" and hasattr(target, "flags"):
        if target.flags.writeable:
            target[...] = source
    elif hasattr(target, "__dict__"):
        vars(target).clear()
        vars(target).update(vars(source))


def read_state(bundle: Path, item: StateItem) -> Any:
    """Read one value of the bundle in folder `bundle`.

    Raises
    ------
    StateRefused
        When a pickle asks for a global that the manifest does not list.

    """
    path = bundle / item.file
    return _read_pickle(path, item) if item.format == "pickle" else _READERS[item.format](path)


def _read_npy(path: Path) -> Any:
    import numpy as np

    return np.load(path, mmap_mode="c", allow_pickle=False)


def _read_arrow(path: Path) -> Any:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_pandas()


def _read_xgboost(path: Path) -> Any:
    import xgboost

    return xgboost.Booster(model_file=str(path))


def _read_lightgbm(path: Path) -> Any:
    import lightgbm

    return lightgbm.Booster(model_file=str(path))


def _read_compiled(path: Path) -> Any:
    from .compiled import read_compiled

    return read_compiled(path)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _read_pickle(path: Path, item: StateItem) -> Any:
    with path.open("rb") as file:
        unpickler = Unpickler(file, item, buffers=read_buffers(path.with_suffix(".bin")))
        return load_among(_service_names(), unpickler)


def _service_names() -> dict[str, Any]:
    """Give what `service.py` has defined so far; nothing when values are read without it."""
    service = sys.modules.get("service")
    return {} if service is None else vars(service)


def load_among(names: dict[str, Any], unpickler: pickle.Unpickler) -> Any:
    """Unpickle where `names` can be seen: models with formulas look there for what these name."""
    return eval("load()", names, {"load": unpickler.load})  # noqa: S307 - a constant, for its frame


_READERS: dict[str, Callable[[Path], Any]] = {
    "npy": _read_npy,
    "arrow": _read_arrow,
    "xgboost": _read_xgboost,
    "lightgbm": _read_lightgbm,
    "json": _read_json,
    "compiled": _read_compiled,
}


class SetUnpickler(pickle.Unpickler):
    """Reads sets that were written in order, each under a number: `(number, "set", elements)`, then `(number,)`."""

    def __init__(self, file: Any, *, buffers: list[memoryview]) -> None:
        super().__init__(file, buffers=buffers)
        self._sets: dict[int, Any] = {}

    def persistent_load(self, pid: Any) -> Any:
        """Give a set (raises `KeyError` when an element refers to the set that it is in)."""
        number, *described = pid
        if described:
            kind, elements = described
            self._sets[number] = frozenset(elements) if kind == "frozenset" else set(elements)
        return self._sets[number]


class Unpickler(SetUnpickler):
    """Unpickles a state item and admits only the globals its manifest entry lists."""

    def __init__(self, file: Any, item: StateItem, *, buffers: list[memoryview]) -> None:
        super().__init__(file, buffers=buffers)
        self._name = item.name
        self._admitted = frozenset(item.globals)

    def find_class(self, module: str, name: str) -> Any:
        """Look up a global (raises `StateRefused`)."""
        if (module, name) not in self._admitted:
            raise StateRefused(f"the state {self._name!r} asks for {module}.{name}, which the manifest does not list")
        if module.startswith(PACKAGING_SIDE):
            module = _PACKAGE + module.removeprefix(PACKAGING_SIDE)
        return super().find_class(module, name)


def make_lock(kind: str) -> Any:
    """Make a `Lock` or an `RLock` that nobody holds."""
    return threading.Lock() if kind == "Lock" else threading.RLock()


def service_attribute(name: str) -> Any:
    """Give what `service.py` defines under `name`; pickles refer to notebook functions and classes through this."""
    value: Any = sys.modules["service"]
    for part in name.split("."):
        value = getattr(value, part)
    return value


def rebuild_tensor(data: Any, dtype: str, shape: tuple[int, ...], device: str, parameter: bool, grad: bool) -> Any:
    """Make a PyTorch tensor over the bytes `data` without copying them (on the CPU)."""
    import torch

    if 0 in shape:  # there is no buffer of no bytes
        flat = torch.empty(0, dtype=getattr(torch, dtype))
    else:
        flat = torch.frombuffer(data, dtype=torch.uint8).view(getattr(torch, dtype))
    tensor = flat.reshape(shape)
    device = choose_device(device)
    if device != "cpu":
        tensor = tensor.to(device)
    return torch.nn.Parameter(tensor, requires_grad=grad) if parameter else tensor.requires_grad_(grad)


def spread(array: Any, strides: tuple[int, ...]) -> Any:
    """Lay a NumPy array out in memory as it lay in the notebook: a sum in another order has other last digits."""
    import numpy as np

    reach = [stride * (size - 1) for stride, size in zip(strides, array.shape, strict=True)]
    before = -sum(step for step in reach if step < 0)
    span = before + sum(step for step in reach if step > 0) + array.itemsize
    laid: Any = np.ndarray(array.shape, array.dtype, np.zeros(span, np.uint8).data, before, strides)
    laid[...] = array
    return laid


def read_buffers(path: Path) -> list[memoryview]:
    """Map the buffers file beside a pickle; no file means no buffers.

    Layout: the number of buffers, then offset and size of each (little-endian unsigned 64-bit), then the bytes.
    """
    if not path.exists():
        return []
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return split_buffers(mapped)


def split_buffers(data: Any) -> list[memoryview]:
    """Give the buffers that lie in `data`, as `write_buffers` laid them out."""
    (count,) = struct.unpack_from("<Q", data)
    numbers = struct.unpack_from(f"<{2 * count}Q", data, 8)
    view = memoryview(data)
    return [view[offset : offset + size] for offset, size in zip(numbers[::2], numbers[1::2], strict=True)]


def write_buffers(buffers: list[memoryview]) -> bytes:
    """Lay out buffers as `read_buffers` expects them."""
    offset = 8 + 16 * len(buffers)
    header = [len(buffers)]
    chunks: list[bytes | memoryview] = []
    for buffer in buffers:
        padding = -offset % ALIGNMENT
        chunks += [bytes(padding), buffer]
        header += [offset + padding, buffer.nbytes]
        offset += padding + buffer.nbytes
    return b"".join([struct.pack(f"<{len(header)}Q", *header), *chunks])
