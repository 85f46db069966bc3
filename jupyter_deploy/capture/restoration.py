"""The notebook as it was: golden calls are made in the live kernel, and a counter must not count them."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def restored(names: MutableMapping[str, Any], changed: Iterable[str]) -> Iterator[None]:
    """Put the values of the globals in `changed` back as they were: the same objects with what they held before.

    What cannot be copied stays as it is.
    """
    kept: list[tuple[str, Any, Any]] = []
    for name in sorted(changed):
        if name in names:
            try:
                kept.append((name, names[name], copy.deepcopy(names[name])))
            except Exception:  # noqa: BLE001, S112 - a class of the notebook may refuse to be copied in any way
                continue
    try:
        yield
    finally:
        for name, value, before in kept:
            names[name] = value
            _refill(value, before)


def _refill(value: Any, before: Any) -> None:
    """Give an object the contents of its copy."""
    if isinstance(value, (list, bytearray)):
        value[:] = before
    elif isinstance(value, (dict, set)):
        value.clear()
        value.update(before)
    elif isinstance(value, deque):
        value.clear()
        value.extend(before)
    elif type(value).__module__ == "numpy" and hasattr(value, "flags"):
        if value.flags.writeable:
            value[...] = before
    elif hasattr(value, "__dict__"):
        vars(value).clear()
        vars(value).update(vars(before))
