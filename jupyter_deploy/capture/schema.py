"""The types of an entry's arguments and result, from annotations and from the calls made in the notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jupyter_deploy.runtime.encode import to_json
from jupyter_deploy.runtime.manifest import Parameter, TypeSpec

Call = tuple[Sequence[Any], Mapping[str, Any]]
"""The positional and the keyword arguments of a golden call."""


def infer_parameters(function: Callable[..., Any], calls: Sequence[Call]) -> tuple[Parameter, ...]:
    """Infer what a function takes (raises `CaptureError`)."""
    raise NotImplementedError


def infer_returns(function: Callable[..., Any], results: Sequence[object]) -> TypeSpec:
    """Infer what a function returns; for documentation, so it never raises."""
    return {"kind": "any"}


def bind_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Name the arguments of a call (raises `CaptureError`)."""
    raise NotImplementedError


def value_to_request(parameters: Sequence[Parameter], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write the arguments of a call as the JSON of its request (raises `CaptureError`)."""
    return {name: to_json(value) for name, value in arguments.items()}
