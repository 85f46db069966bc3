"""Values short and plain enough to stand as literals in the slice."""

from __future__ import annotations

import types

LONGEST = 600
"""Characters; a longer value becomes state."""


def literal(value: object) -> str | None:
    """Write a value as the Python that gives it back exactly; None when it has no short, exact literal."""
    text = _write(value, depth=0)
    return text if text is not None and len(text) <= LONGEST else None


def _write(value: object, depth: int) -> str | None:
    kind = type(value)
    if depth > 5:
        return None
    if kind in (types.NoneType, bool, int, str, bytes, types.EllipsisType):
        return repr(value) if not isinstance(value, (str, bytes)) or len(value) <= LONGEST else None
    if isinstance(value, float) and kind is float:
        return repr(value) if value - value == 0 else f'float("{value}")'
    if isinstance(value, complex) and kind is complex:
        return repr(value) if value - value == 0 else None
    if isinstance(value, range) and kind is range:
        return repr(value)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return _write_container(value, depth) if len(value) <= 100 else None
    return None


def _write_container(
    value: list[object] | tuple[object, ...] | set[object] | frozenset[object] | dict[object, object], depth: int
) -> str | None:
    kind = type(value)
    if isinstance(value, dict):
        if kind is not dict:
            return None
        pairs = [(_write(key, depth + 1), _write(item, depth + 1)) for key, item in value.items()]
        if any(key is None or item is None for key, item in pairs):
            return None
        return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
    parts = [_write(item, depth + 1) for item in value]
    written = [part for part in parts if part is not None]
    if len(written) != len(parts):
        return None
    if kind is list:
        return f"[{', '.join(written)}]"
    if kind is tuple:
        return f"({', '.join(written)}{',' if len(written) == 1 else ''})"
    if kind in (set, frozenset):  # sorted: the order of a set differs from process to process
        inner = "{" + ", ".join(sorted(written)) + "}" if written else "set()"
        return inner if kind is set else f"frozenset({inner if written else ''})"
    return None
