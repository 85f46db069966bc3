"""Turning live values into bytes: the safest format that gives the value back."""

from __future__ import annotations

import io
import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.capture.devices import Placement, find_placement, join_placements
from jupyter_deploy.capture.pickling import NameOf, is_scattered, pickle_value, type_name
from jupyter_deploy.capture.readback import LookUp
from jupyter_deploy.runtime import state as runtime_state
from jupyter_deploy.runtime.manifest import Compiled


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
    """Modules of the classes that the unpickled ones inherit from: a framework that can do without scikit-learn gives
    its estimators other bases there, and does not declare it."""
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
    pickled = pickle_value(value, name_of, look_up)
    return StateValue("pickle", type_name(value), pickled.files, tuple(sorted(pickled.read.globals)), pickled.names,
                      pickled.read.bases, pickled.placements)


def _write_npy(value: Any) -> StateValue | None:
    if type_name(value) != "numpy.ndarray" or value.dtype.hasobject or value.nbytes == 0 or is_scattered(value):
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
