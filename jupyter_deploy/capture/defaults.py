"""Arguments that the notebook itself supplies, such as the model in `def predict(rows, model=model)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jupyter_deploy.capture.annotations import default_values, function_hints, infer
from jupyter_deploy.capture.observed import ANY, CannotTravel, observe
from jupyter_deploy.capture.recorder import size_of
from jupyter_deploy.runtime.encode import CannotEncode

LARGEST = 10_000
"""Bytes of a default that callers may be asked for; a larger one is the notebook's: a matrix of similarities, say."""

Bound = Mapping[str, Any]
"""The arguments of a call by name."""


def own_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Give the parameters, with their defaults, that are no caller's business: no request could carry such a value."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    given = [one for one in parameters if one.default is not one.empty]
    hints = function_hints(function) if given else {}
    return {one.name: one.default for one in given if _is_own(one.default, hints.get(one.name))}


def _is_own(default: Any, hint: Any) -> bool:
    if size_of(default) > LARGEST:
        return True
    if default_values(default):
        return False
    try:
        return hint is None or infer(hint, []) == ANY
    except (CannotTravel, CannotEncode):
        return True


def can_travel(values: Iterable[Any]) -> bool:
    """Tell whether a request could carry such values."""
    try:
        observe(values)
    except (CannotTravel, CannotEncode):
        return False
    return True


def write_wrapper(function: Callable[..., Any], passed: Sequence[Bound]) -> str | None:
    """Write a function that supplies what no request can carry from the notebook's globals; None if that cannot be.

    Parameters
    ----------
    passed
        The arguments of the notebook's calls.

    """
    parameters = list(inspect.signature(function).parameters.values())
    names: Mapping[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    taken, given = [], []
    for one in parameters:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            return None
        values = [arguments[one.name] for arguments in passed if one.name in arguments]
        found = one.name if can_travel(values) else _find_global(one.name, values[-1], names)
        if found is None:
            return None
        if can_travel(values):
            taken.append(one.name if one.default is one.empty else f"{one.name}={one.default!r}")
        given.append(f"{one.name}={found}" if one.kind is one.KEYWORD_ONLY else found)
    own = getattr(function, "__name__", "predict")
    return f"def serve_{own}({', '.join(taken)}):\n    return {own}({', '.join(given)})"


def _find_global(name: str, value: Any, names: Mapping[str, Any]) -> str | None:
    """Find what the notebook passed: the calls that were recorded hold copies."""
    alike = [key for key, one in names.items() if type(one) is type(value) and not key.startswith("_")]
    same = [key for key in alike if names[key] is value]
    return next((key for key in [*same, *(key for key in alike if key == name or len(alike) == 1)]), None)
