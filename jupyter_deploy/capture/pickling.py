"""Pickles of live values: what is the notebook's own goes in by name, large buffers lie apart, sets in order."""

from __future__ import annotations

import io
import pickle
import re
import sys
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.capture.devices import Placement, find_placement, join_placements
from jupyter_deploy.capture.readback import LookUp, ReadBack, read_back
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime import state as runtime_state

IN_BAND = 4096
"""Buffers below this many bytes stay inside the pickle: mapping them separately gains nothing."""

NameOf = Callable[[object], str | None]
"""Gives the name under which `service.py` defines a function or class of the notebook, None for others'."""


@dataclass(frozen=True)
class Pickled:
    """A value as a pickle, and what loading it takes."""

    files: Mapping[str, bytes]
    """Content by suffix: `.pkl`, and `.bin` with the buffers that lie apart."""
    names: frozenset[str]
    """What of `service.py` must be defined before."""
    read: ReadBack
    placements: tuple[Placement, ...]
    """What of it lies on a device other than the processor's memory."""


def type_name(value: object) -> str:
    """Name a value's type the way its author would import it."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


_SPAN = 2**20
"""Bytes; an array that spans more is carried without its gaps."""


def is_scattered(value: Any) -> bool:
    """Tell whether a value is a small array with gaps, such as a column: BLAS adds it up in an order of its own."""
    if type_name(value) != "numpy.ndarray" or value.dtype.hasobject or value.size == 0:
        return False
    span = sum(abs(stride) * (size - 1) for stride, size in zip(value.strides, value.shape, strict=True))
    return not value.flags.forc and span <= _SPAN


_LOCKS = {type(threading.Lock()): "Lock", type(threading.RLock()): "RLock"}
"""Locks by type. They are made anew, and open: who waits for them in the kernel is not in the service."""


class _Pickler(pickle.Pickler):
    """Pickles functions and classes of the notebook as names of `service.py`, and tensors as plain buffers."""

    def __init__(self, file: io.BytesIO, name_of: NameOf, buffers: list[memoryview]) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._keep_buffer)
        self._name_of = name_of
        self._buffers = buffers
        self.names: set[str] = set()
        self.placements: list[Placement | None] = []

    def _keep_buffer(self, buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < IN_BAND:
            return True
        self._buffers.append(view)
        return False

    def reducer_override(self, value: Any) -> Any:
        self.placements.append(find_placement(value))
        # An object that answers for any attribute, such as a dictionary with dots, says nothing by having this one
        wraps = callable(getattr(value, "__wrapped__", None))
        if isinstance(value, (types.FunctionType, type)) or wraps or _is_type_variable(value):
            name = self._name_of(value)
            if name is not None:
                self.names.add(name)
                return runtime_state.service_attribute, (name,)
        elif type(value).__module__ in ("torch", "torch.nn.parameter") and type(value).__name__ in (
            "Tensor",
            "Parameter",
        ):
            return _reduce_tensor(value)
        elif type(value) in _LOCKS:
            return runtime_state.make_lock, (_LOCKS[type(value)],)
        elif type(value) is object:
            return self._name_sentinel(value)
        elif is_scattered(value):
            return runtime_state.spread, (value.copy(order="C"), value.strides)
        return NotImplemented

    def _name_sentinel(self, value: object) -> Any:
        """Name an `object()` of which nothing counts but which one it is: by the notebook's name, or its module's."""
        name = self._name_of(value)
        if name is not None:
            self.names.add(name)
            return runtime_state.service_attribute, (name,)
        loaded = [module for key, module in list(sys.modules.items()) if module is not None and key != "__main__"]
        names = (name for module in loaded for name, held in list(vars(module).items()) if held is value)
        return next(names, NotImplemented)


def _is_type_variable(value: object) -> bool:
    """Whether a value pickles as a name of its module, as type variables do."""
    return type(value).__module__ == "typing" and hasattr(value, "__name__") and not hasattr(value, "__origin__")


def _reduce_tensor(tensor: Any) -> Any:
    if tensor.layout.__repr__() != "torch.strided" or tensor.is_quantized:
        return NotImplemented
    import torch

    data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    dtype = str(tensor.dtype).removeprefix("torch.")
    parameter = isinstance(tensor, torch.nn.Parameter)
    arguments = (
        pickle.PickleBuffer(data),
        dtype,
        tuple(tensor.shape),
        str(tensor.device),
        parameter,
        tensor.requires_grad,
    )
    return runtime_state.rebuild_tensor, arguments


class _SetsInOrder(_Pickler):
    """Pickles sets with their elements in order: how a set lies in memory differs from process to process."""

    def __init__(self, file: io.BytesIO, name_of: NameOf, buffers: list[memoryview]) -> None:
        super().__init__(file, name_of, buffers)
        self._sets: dict[int, tuple[int, Any]] = {}

    def persistent_id(self, value: Any) -> Any:
        if type(value) not in (set, frozenset):
            return None
        if id(value) in self._sets:
            return (self._sets[id(value)][0],)
        number = len(self._sets)
        self._sets[id(value)] = number, value  # held, so that no other object gets its id
        return number, type(value).__name__, _in_order(value)


def _in_order(elements: Any) -> list[Any]:
    try:
        return sorted(elements)
    except TypeError:
        return sorted(elements, key=lambda element: (type_name(element), repr(element)))


_SETS = re.compile(rb"[\x8f\x91]")
"""The opcodes of sets; also found by chance in other data, which then is written again for nothing."""


def pickle_value(value: Any, name_of: NameOf, look_up: LookUp) -> Pickled:
    """Pickle a value, and load it once as the service will (raises `CaptureError`)."""
    if type(value) in _LOCKS:
        raise CaptureError("a lock cannot be carried to another process")  # the line that makes it says more
    if type(value) is object:
        raise CaptureError("an object() is only itself, and no copy of it is")
    pickled = _pickle_with(_Pickler, value, name_of, look_up)
    if not _SETS.search(pickled.files[".pkl"]):
        return pickled
    try:
        return _pickle_with(_SetsInOrder, value, name_of, look_up)
    except CaptureError:
        return pickled  # a set with an element that refers back to it has no order to be written in


def _pickle_with(make: type[_Pickler], value: Any, name_of: NameOf, look_up: LookUp) -> Pickled:
    file = io.BytesIO()
    buffers: list[memoryview] = []
    resolved: dict[str, object] = {}

    def remember(target: object) -> str | None:
        name = name_of(target)
        if name is not None:
            resolved[name] = target
        return name

    pickler = make(file, remember, buffers)
    try:
        pickler.dump(value)
    except CaptureError:
        raise
    except Exception as error:
        raise CaptureError(f"a {type_name(value)} cannot be carried to another process: {error}") from error
    data = file.getvalue()
    try:
        read = read_back(data, buffers, resolved.__getitem__, look_up)
    except Exception as error:
        raise CaptureError(f"a {type_name(value)} can be written but not read back: {error}") from error
    files = {".pkl": data} | ({".bin": runtime_state.write_buffers(buffers)} if buffers else {})
    return Pickled(files, frozenset(pickler.names) | read.names, read, join_placements(pickler.placements))
