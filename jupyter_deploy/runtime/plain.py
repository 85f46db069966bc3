"""From Python, NumPy, pandas, PyTorch and pydantic values to what JSON knows."""

from __future__ import annotations

import base64
import collections
import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .instants import format_duration, timedelta_nanoseconds


class CannotEncode(TypeError):
    """A result holds something that JSON cannot carry.

    Parameters
    ----------
    path
        Where it is in the result, `scores[3].image`; empty for the result itself.
    found
        What it is.
    advice
        What to return instead.

    """

    def __init__(self, path: str, found: str, advice: str) -> None:
        super().__init__(f"{path or 'the result'} is {found}, which JSON cannot carry: {advice}")
        self.path = path
        self.found = found
        self.advice = advice

    def inside(self, step: str) -> CannotEncode:
        """Give the same error as seen from the container, where the value is at `[3]` or is called `name`."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        return CannotEncode(f"{step}{dot}{self.path}", self.found, self.advice)


def plain(value: Any) -> Any:
    """Convert a value, and everything in it, to dictionaries, lists, text, finite numbers, booleans and None.

    Raises
    ------
    CannotEncode
        Naming the place, the type and what to return instead.

    """
    convert = _EXACT.get(type(value))
    if convert is not None:
        return convert(value)
    for module, convert_of in _FOREIGN.items():
        if module in sys.modules:
            found = convert_of(value)
            if found is not _NOT_MINE:
                return found
    for kind, convert in _KINDS:
        if isinstance(value, kind):
            return convert(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_dict({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if hasattr(type(value), "__attrs_attrs__"):
        return _plain_dict({field.alias: getattr(value, field.name) for field in type(value).__attrs_attrs__})
    raise _refuse(value)


def _refuse(value: object) -> CannotEncode:
    advice = "return numbers, text, lists, dictionaries, NumPy arrays or pandas frames instead"
    if hasattr(value, "to_dicts"):
        advice = "return its .to_dicts() instead"
    elif hasattr(value, "toarray"):
        advice = "return its .toarray() instead"
    elif isinstance(value, complex):
        advice = "return the real and the imaginary part"
    elif hasattr(value, "savefig") or hasattr(value, "save"):
        advice = "save it to a buffer and return the bytes instead"
    return CannotEncode("", f"of type {class_name(type(value))}", advice)


def class_name(kind: type) -> str:
    """Name a class; one of the notebook is `__main__` there and `service` in the service, so its module is left out."""
    bare = kind.__module__ in ("builtins", "__main__", "service")
    return kind.__qualname__ if bare else f"{kind.__module__}.{kind.__qualname__}"


def plain_float(value: float) -> float | str | None:
    """Convert a number: NaN is None, infinities are text."""
    if math.isfinite(value):
        return float(value)
    return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _keep(value: Any) -> Any:
    return value


def _plain_list(value: Iterable[Any]) -> list[Any]:
    result: list[Any] = []
    try:
        for each in value:
            result.append(plain(each))  # noqa: PERF401 - its length says where an error is
    except CannotEncode as error:
        raise error.inside(f"[{len(result)}]") from None
    return result


def _plain_dict(value: Mapping[Any, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, each in value.items():
        text = plain_key(key)
        if text in result:
            raise CannotEncode("", f"a dictionary with two keys that are written {text!r}", "rename one of them")
        try:
            result[text] = plain(each)
        except CannotEncode as error:
            raise error.inside(text) from None
    return result


def plain_key(key: object) -> str:
    """Convert a dictionary's key to text."""
    if type(key) is str:
        return key
    converted = plain(key)
    if isinstance(converted, str):
        return converted
    if isinstance(converted, (dict, list)):
        raise CannotEncode("", f"a dictionary with the key {key!r:.60}", "make its keys text or numbers")
    return json.dumps(converted)


def _plain_set(value: Iterable[Any]) -> list[Any]:
    try:
        return _plain_list(sorted(value))
    except TypeError as error:
        if isinstance(error, CannotEncode):
            raise
        # nothing orders 1 and "a", but the same set must give the same text
        return sorted(_plain_list(value), key=lambda each: json.dumps(each, sort_keys=True))


def _plain_tuple(value: tuple[Any, ...]) -> Any:
    if hasattr(value, "_fields"):
        return _plain_dict(dict(zip(value._fields, value, strict=True)))
    return _plain_list(value)


def _plain_moment(value: dt.date | dt.time) -> str | None:
    # NaT is a datetime that is not equal to itself
    return value.isoformat() if value == value else None


def _plain_timedelta(value: dt.timedelta) -> str:
    return format_duration(timedelta_nanoseconds(value))


def _plain_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


_EXACT: dict[type, Callable[[Any], Any]] = {
    str: _keep,
    int: _keep,
    bool: _keep,
    type(None): _keep,
    float: plain_float,
    list: _plain_list,
    dict: _plain_dict,
    tuple: _plain_list,
}

_KINDS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (enum.Enum, lambda value: plain(value.value)),
    (str, lambda value: str.__str__(value)),
    (int, int),
    (float, plain_float),
    ((dt.date, dt.time), _plain_moment),
    (dt.timedelta, _plain_timedelta),
    ((bytes, bytearray, memoryview), _plain_bytes),
    ((decimal.Decimal, uuid.UUID), str),
    (tuple, _plain_tuple),
    (collections.abc.Mapping, _plain_dict),
    ((collections.abc.Set, collections.abc.KeysView), _plain_set),
    ((list, range, collections.deque, collections.abc.ValuesView, collections.abc.Iterator), _plain_list),
)

_NOT_MINE = object()


def _plain_numpy(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        return _plain_list(value.tolist())
    if isinstance(value, (np.ndarray, np.generic)):
        from .matrices import plain_array

        return plain_array(np.asarray(value))
    return _NOT_MINE


def _plain_pandas(value: Any) -> Any:
    if type(value).__module__.partition(".")[0] != "pandas" and not _is_frame(value):
        return _NOT_MINE
    from .matrices import plain_pandas

    found = plain_pandas(value)
    return _NOT_MINE if found is NotImplemented else found


def _is_frame(value: Any) -> bool:
    """Tell whether it is of a subclass, as of a geographic frame."""
    import pandas as pd

    return isinstance(value, (pd.DataFrame, pd.Series))


def _plain_polars(value: Any) -> Any:
    if type(value).__module__.partition(".")[0] != "polars":
        return _NOT_MINE
    from .polars_tables import plain_polars

    found = plain_polars(value)
    return _NOT_MINE if found is NotImplemented else found


def _plain_torch(value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        return _NOT_MINE
    from .matrices import plain_array

    dense = value.detach().to_dense() if value.layout != torch.strided else value.detach()
    return plain_array((dense.float() if dense.dtype == torch.bfloat16 else dense).resolve_conj().cpu().numpy())


def _plain_pydantic(value: Any) -> Any:
    import pydantic

    return plain(value.model_dump(by_alias=True)) if isinstance(value, pydantic.BaseModel) else _NOT_MINE


_FOREIGN: dict[str, Callable[[Any], Any]] = {
    "numpy": _plain_numpy,
    "pandas": _plain_pandas,
    "polars": _plain_polars,
    "torch": _plain_torch,
    "pydantic": _plain_pydantic,
}
