"""Turning live values into bytes: the safest format that gives the value back."""

from __future__ import annotations

import io
import json
import math
import pickle
import re
import sys
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.capture.devices import Placement, find_placement, join_placements
from jupyter_deploy.capture.readback import LookUp, read_back
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime import state as runtime_state
from jupyter_deploy.runtime.manifest import Compiled

IN_BAND = 4096
"""Buffers below this many bytes stay inside the pickle: mapping them separately gains nothing."""

NameOf = Callable[[object], str | None]
"""Gives the name under which `service.py` defines a function or class of the notebook, None for others'."""


@dataclass(frozen=True)
class StateValue:
    """A value as it will lie in the bundle."""

    format: str
    type: str
    files: Mapping[str, bytes]
    """Content by suffix: `{".pkl": ..., ".bin": ...}`."""
    globals: tuple[tuple[str, str], ...] = ()
    """What unpickling looks up."""
    names: frozenset[str] = frozenset()
    """What of `service.py` must be defined before the value can be loaded."""
    bases: frozenset[str] = frozenset()
    """Modules of the classes that the unpickled ones inherit from: a framework that gets along without scikit-learn
    gives its estimators other bases there, and does not declare it."""
    placements: tuple[Placement, ...] = ()
    """What of it lies on a device other than the processor's memory."""
    compiled: Compiled | None = None
    """How a compiled form stands to the original."""
    needs: frozenset[str] = frozenset()
    """Modules that a compiled form imports."""

    @property
    def size(self) -> int:
        """Bytes in the bundle."""
        return sum(map(len, self.files.values()))

    @property
    def modules(self) -> set[str]:
        """Modules that loading the value imports."""
        reader = {"npy": "numpy", "arrow": "pyarrow", "xgboost": "xgboost", "lightgbm": "lightgbm"}.get(self.format)
        looked_up = {module for module, _ in self.globals} | self.bases
        own = {module for module in looked_up if not module.startswith(runtime_state.PACKAGING_SIDE)}
        frame = {"pandas"} if self.format == "arrow" else set()
        return own | self.needs | frame | ({reader} if reader else set())


def _know_nothing(name: str) -> object:
    raise KeyError(name)


def serialise(value: Any, name_of: NameOf, look_up: LookUp = _know_nothing) -> StateValue:
    """Turn a value into bytes by the first format that fits.

    Raises
    ------
    CaptureError
        When no format can carry it.

    """
    for write in (_write_npy, _write_arrow, _write_booster, _write_json):
        written = write(value)
        if written is not None:
            return written
    return _write_pickle(value, name_of, look_up)


def type_name(value: object) -> str:
    """Name a value's type the way its author would import it."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


def _write_npy(value: Any) -> StateValue | None:
    if type_name(value) != "numpy.ndarray" or value.dtype.hasobject or value.nbytes == 0 or _is_spread(value):
        return None
    import numpy as np

    file = io.BytesIO()
    np.save(file, value, allow_pickle=False)
    return StateValue("npy", "numpy.ndarray", {".npy": file.getvalue()})


def _write_arrow(value: Any) -> StateValue | None:
    """Write a frame as an Arrow file, if Arrow is at hand and gives back the very same frame."""
    if type(value).__name__ != "DataFrame" or type(value).__module__.partition(".")[0] != "pandas":
        return None
    try:
        import pyarrow as pa
    except ImportError:
        return None
    try:
        table = pa.Table.from_pandas(value)
        same = table.to_pandas()
    except (pa.ArrowException, ValueError, TypeError, NotImplementedError):
        return None
    if not (
        same.equals(value)
        and list(same.dtypes) == list(value.dtypes)
        and same.attrs == value.attrs
        and same.index.equals(value.index)
        and same.columns.dtype == value.columns.dtype
    ):
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return StateValue("arrow", type_name(value), {".arrow": sink.getvalue().to_pybytes()})


def _write_booster(value: Any) -> StateValue | None:
    match type_name(value):
        case "xgboost.core.Booster":
            return StateValue("xgboost", "xgboost.Booster", {".ubj": bytes(value.save_raw("ubj"))},
                              placements=join_placements([find_placement(value)]))
        case "lightgbm.basic.Booster":
            return StateValue("lightgbm", "lightgbm.Booster", {".txt": value.model_to_string().encode()})
    return None


def _write_json(value: Any) -> StateValue | None:
    if not _is_plain(value):
        return None
    return StateValue("json", type_name(value), {".json": json.dumps(value, ensure_ascii=False).encode()})


def _is_plain(value: Any) -> bool:
    """Whether JSON gives back exactly this value: exact types, text keys, finite floats."""
    kind = type(value)
    if kind in (str, bool, int, types.NoneType):
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is list:
        return all(map(_is_plain, value))
    return kind is dict and all(type(key) is str for key in value) and all(map(_is_plain, value.values()))


_SPREAD = 2**20
"""Bytes; an array that lies further spread is carried in one piece."""


def _is_spread(value: Any) -> bool:
    """Tell whether a value is a small array with gaps, such as a column: BLAS adds it up in an order of its own."""
    if type_name(value) != "numpy.ndarray" or value.dtype.hasobject or value.size == 0:
        return False
    span = sum(abs(stride) * (size - 1) for stride, size in zip(value.strides, value.shape, strict=True))
    return not value.flags.forc and span <= _SPREAD


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
        if isinstance(value, (types.FunctionType, type)) or hasattr(value, "__wrapped__") or _is_type_variable(value):
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
        elif _is_spread(value):
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


def _write_pickle(value: Any, name_of: NameOf, look_up: LookUp) -> StateValue:
    if type(value) in _LOCKS:
        raise CaptureError("a lock cannot be carried to another process")  # the line that makes it says more
    if type(value) is object:
        raise CaptureError("an object() is only itself, and no copy of it is")
    written = _write_pickle_with(_Pickler, value, name_of, look_up)
    if not _SETS.search(written.files[".pkl"]):
        return written
    try:
        return _write_pickle_with(_SetsInOrder, value, name_of, look_up)
    except CaptureError:
        return written  # a set with an element that refers back to it has no order to be written in


def _write_pickle_with(make: type[_Pickler], value: Any, name_of: NameOf, look_up: LookUp) -> StateValue:
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
        back = read_back(data, buffers, resolved.__getitem__, look_up)
    except Exception as error:
        raise CaptureError(f"a {type_name(value)} can be written but not read back: {error}") from error
    files = {".pkl": data} | ({".bin": runtime_state.write_buffers(buffers)} if buffers else {})
    return StateValue(
        "pickle",
        type_name(value),
        files,
        tuple(sorted(back.globals)),
        frozenset(pickler.names) | back.names,
        back.bases,
        join_placements(pickler.placements),
    )
