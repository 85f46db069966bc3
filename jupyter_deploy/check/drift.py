"""How far the answers of a service have moved from those that its contract recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.check.changes import Change, Schema
from jupyter_deploy.errors import UsageError

NOISE = 1e-9
"""A relative difference up to this is what another processor's arithmetic does: it does not count as movement."""
_KINDS = {bool: "true or false", int: "number", float: "number", str: "text", type(None): "null", list: "list",
          dict: "object"}
_JSON_KINDS = {bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}, str: {"string"}, type(None): {"null"},
               list: {"array"}, dict: {"object"}}
_Forms = tuple[Schema, ...]


@dataclass(frozen=True)
class Moved:
    """A place in a golden answer that is not what the contract says."""

    call: str
    """The entry with the number of its golden call: `predict 2`."""
    place: str
    """In the answer: `[0].risk`."""
    recorded: Any
    now: Any
    change: float | None
    """How far it moved; None where that is not a number."""
    relative: float | None
    """The change as a share of what was recorded; None where that is not a number or was 0."""
    excessive: bool
    """Further than `--max-drift` allows."""


@dataclass(frozen=True)
class Drift:
    """How far a number of a golden answer may move."""

    absolute: float = 0.0
    relative: float = 0.0

    def allows(self, recorded: float, now: float) -> bool:
        """Whether the move from `recorded` to `now` is within bounds."""
        return abs(now - recorded) <= max(self.absolute, self.relative * abs(recorded))


def parse_drift(text: str) -> Drift:
    """Read `--max-drift`: `0.01` is absolute, `5%` relative (raises `UsageError`)."""
    found = re.fullmatch(r"(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*(%?)", text.strip())
    if found is None:
        raise UsageError(f"--max-drift {text}: wanted how far a number may move",
                         advice="0.01 allows a hundredth, 5% a twentieth of the recorded number")
    value = float(found.group(1))
    return Drift(relative=value / 100) if found.group(2) else Drift(absolute=value)


def compare_answers(call: str, recorded: Any, now: Any, drift: Drift,
                    schema: Schema | None = None) -> tuple[list[Change], list[Moved]]:
    """Compare two answers to one request: a change of form is a breaking change, all else has moved.

    Parameters
    ----------
    schema
        The answer's schema in the contract: of a form that callers knew to be possible, it is not a change.

    """
    changes: list[Change] = []
    moved: list[Moved] = []
    for place, before, after, form in _walk(recorded, now, "", _flatten(schema)):
        if form is not None:
            changes.append(Change(True, f"{call.partition(' ')[0]} → {_lists(place) or 'the answer'}", form))
        else:
            moved.append(_measure(call, place, before, after, drift))
    return list(dict.fromkeys(changes)), moved


def _walk(old: Any, new: Any, path: str, forms: _Forms) -> Iterator[tuple[str, Any, Any, str | None]]:
    """Yield what differs: the place, both values and, when its form did, how."""
    if _KINDS[type(old)] != _KINDS[type(new)]:
        form = f"{_KINDS[type(old)]} → {_KINDS[type(new)]}"
        yield path, old, new, None if _admits(forms, old) and _admits(forms, new) else form
    elif isinstance(old, dict):
        for key in [key for key in old if key not in new]:
            yield _step(path, key), old[key], None, "field removed"
        for key in [key for key in old if key in new]:
            yield from _walk(old[key], new[key], _step(path, key), _below(forms, key))
    elif isinstance(old, list):
        if len(old) != len(new):
            yield path, old, new, f"{len(old)} → {len(new)} items"
        for index, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from _walk(one, other, f"{path}[{index}]", _below(forms, index))
    elif old != new and not _is_noise(old, new):
        yield path, old, new, None


def _flatten(schema: Schema | None) -> _Forms:
    """Give the alternatives of a schema."""
    if schema is None or "anyOf" not in schema:
        return () if schema is None else (schema,)
    return tuple(form for one in schema["anyOf"] for form in _flatten(one))


def _below(forms: _Forms, step: str | int) -> _Forms:
    """Give the alternatives of what stands at a key, or at an index."""
    found: list[Schema] = []
    for form in forms:
        if isinstance(step, str):
            inner = form.get("properties", {}).get(step, form.get("additionalProperties"))
        else:
            items = form.get("prefixItems", ())
            inner = items[step] if step < len(items) else form.get("items")
        found += _flatten(inner) if isinstance(inner, dict) else ()
    return tuple(found)


def _admits(forms: _Forms, value: Any) -> bool:
    """Whether a schema names the form of a value; one that admits anything names none."""
    return any(_JSON_KINDS[type(value)] & _kinds(form) and ("enum" not in form or value in form["enum"])
               for form in forms)


def _kinds(form: Schema) -> set[str]:
    kind = form.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind)


def _step(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _lists(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


def _is_noise(old: Any, new: Any) -> bool:
    return isinstance(old, float) and isinstance(new, float) and abs(new - old) <= NOISE * max(abs(old), abs(new))


def _measure(call: str, place: str, old: Any, new: Any, drift: Drift) -> Moved:
    if not (_is_number(old) and _is_number(new)):
        return Moved(call, place, old, new, None, None, excessive=True)
    change = new - old
    return Moved(call, place, old, new, change, change / abs(old) if old else None, not drift.allows(old, new))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def rank_moved(moved: Sequence[Moved]) -> list[Moved]:
    """Order what moved: beyond bounds first, then the furthest, as a share of what was recorded."""
    return sorted(moved, key=lambda one: (not one.excessive, -abs(one.relative or float("inf"))))
