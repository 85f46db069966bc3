"""The description of a compiled model: JSON whose arrays stand in a file of buffers beside it.

{"kind": "classifier", "score": {"form": "linear", "weights": {"$array": 0, "dtype": "<f8", "shape": [1, 30]}, ...}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..state import read_buffers, split_buffers, write_buffers

Description = dict[str, Any]


def read_description(path: Path) -> Description:
    """Read a description; its arrays are mapped, so that workers share them."""
    described: Description = resolve(json.loads(path.read_bytes()), read_buffers(path.with_suffix(".bin")))
    return described


def parse_description(files: Mapping[str, Any]) -> Description:
    """Read a description from its files, by suffix."""
    described: Description = resolve(json.loads(files[".json"]), split_buffers(files[".bin"]))
    return described


def resolve(value: Any, buffers: list[memoryview]) -> Any:
    """Put arrays where a description refers to them."""
    import numpy as np

    if isinstance(value, list):
        return [resolve(one, buffers) for one in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        empty = 0 in value["shape"]
        flat = np.empty(0) if empty else np.frombuffer(buffers[value["$array"]], np.dtype(value["dtype"]))
        return flat.reshape(value["shape"])
    if "$labels" in value:
        return np.array(value["$labels"], dtype=value["dtype"])
    return {key: resolve(one, buffers) for key, one in value.items()}


def write_description(description: Description) -> dict[str, bytes]:
    """Give the files of a description by suffix: the same description, the same bytes."""
    buffers: list[memoryview] = []
    plain = _extract(description, buffers)
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
    return {".json": text, ".bin": write_buffers(buffers)}


def _extract(value: Any, buffers: list[memoryview]) -> Any:
    import numpy as np

    if isinstance(value, dict):
        return {key: _extract(one, buffers) for key, one in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_extract(one, buffers) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind in "OU":
        dtype = "object" if value.dtype.kind == "O" else value.dtype.str
        return {"$labels": [_plain(one) for one in value.tolist()], "dtype": dtype}
    buffers.append(memoryview(np.ascontiguousarray(value).tobytes()))
    return {"$array": len(buffers) - 1, "dtype": value.dtype.str, "shape": list(value.shape)}


def _plain(value: Any) -> Any:
    """Give a NumPy scalar that stands among objects as Python's own."""
    return value.item() if hasattr(value, "item") else value
