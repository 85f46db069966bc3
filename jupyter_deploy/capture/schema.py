"""The types of an entry's arguments and result, from annotations and from the calls made in the notebook."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from jupyter_deploy.capture.annotations import default_values, function_hints, infer
from jupyter_deploy.capture.observed import ANY, CannotTravel, observe, observe_argument
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime import decode
from jupyter_deploy.runtime.encode import CannotEncode, to_json
from jupyter_deploy.runtime.manifest import Entry, Parameter, TypeSpec
from jupyter_deploy.runtime.matrices import is_default_index

Call = tuple[Sequence[Any], Mapping[str, Any]]
"""The positional and the keyword arguments of a golden call."""


def infer_parameters(function: Callable[..., Any], calls: Sequence[Call]) -> tuple[Parameter, ...]:
    """Infer what a function takes.

    Raises
    ------
    CaptureError
        When an argument cannot travel as JSON, or the function takes positional arguments without names.

    """
    passed = [bind_call(function, args, kwargs) for args, kwargs in calls]
    hints = function_hints(function)
    parameters = []
    for parameter in _read_signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise CaptureError(
                f"{_name(function)} takes *{parameter.name}, but a request names its arguments",
                advice="write the arguments out; a decorator that wraps the function needs functools.wraps",
            )
        if parameter.kind is not parameter.VAR_KEYWORD:
            parameters.append(_infer_parameter(function, parameter, passed, hints))
    named = {parameter.name for parameter in parameters}
    extra = dict.fromkeys(name for arguments in passed for name in arguments if name not in named)
    parameters += [_infer_extra(function, name, passed) for name in extra]
    return tuple(parameters)


def _infer_parameter(
    function: Callable[..., Any], parameter: inspect.Parameter, passed: Sequence[dict[str, Any]], hints: dict[str, Any]
) -> Parameter:
    name, default = parameter.name, parameter.default
    required = default is parameter.empty
    values = [arguments[name] for arguments in passed if name in arguments]
    seen = values + ([] if required else default_values(default))
    try:
        spec = infer(hints[name], seen) if name in hints else observe_argument(seen)
    except (CannotTravel, CannotEncode) as error:
        raise _refuse(function, name, error) from error
    return Parameter(name, spec, required, _write_default(default) if not required else None)


def _infer_extra(function: Callable[..., Any], name: str, passed: Sequence[dict[str, Any]]) -> Parameter:
    """Describe a keyword that `**options` took in a golden call: a request may give it, and no other."""
    try:
        spec = observe_argument(arguments[name] for arguments in passed if name in arguments)
    except (CannotTravel, CannotEncode) as error:
        raise _refuse(function, name, error) from error
    return Parameter(name, spec, required=False)


def _refuse(function: Callable[..., Any], name: str, error: CannotTravel | CannotEncode) -> CaptureError:
    return CaptureError(
        f"the argument {name!r} of {_name(function)} is or holds {error.found}, which a request cannot carry",
        advice=error.advice,
    )


def _write_default(default: Any) -> Any:
    try:
        return to_json(default)
    except CannotEncode:
        return None


def _read_signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise CaptureError(
            f"the arguments of {_name(function)} cannot be read: {error}", advice="wrap it in a function of your own"
        ) from error


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def infer_returns(function: Callable[..., Any], results: Sequence[object]) -> TypeSpec:
    """Infer what a function returns; it is for documentation, so what cannot be described is `any`."""
    hints = function_hints(function)
    try:
        return infer(hints["return"], results) if "return" in hints else observe(results)
    except (CannotTravel, CannotEncode):
        return ANY


def positional_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Name the parameters that must be passed by position.

    These are the positional-only ones and, where a decorator's wrapper takes `*args`, all that have a position.
    """
    kinds = {inspect.Parameter.POSITIONAL_ONLY} | (
        {inspect.Parameter.POSITIONAL_OR_KEYWORD} if hasattr(function, "__wrapped__") else set()
    )
    parameters = _read_signature(function).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind in kinds)


def bind_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Name the arguments of a call; defaults are left out.

    Raises
    ------
    CaptureError
        When the call does not fit the function's signature.

    """
    signature = _read_signature(function)
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise CaptureError(
            f"{_name(function)}{signature} does not take the arguments of the call: {error}",
            advice="run the cell with the call again, after the cell that defines the function",
        ) from error
    arguments: dict[str, Any] = {}
    for name, value in bound.items():
        kind = signature.parameters[name].kind
        arguments |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return arguments


def value_to_request(parameters: Sequence[Parameter], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write the arguments of a call as the JSON of its request, and make sure that a service can read it.

    Raises
    ------
    CaptureError
        Naming the argument that cannot travel.

    """
    types = {parameter.name: parameter.type for parameter in parameters}
    request = {}
    for name, value in arguments.items():
        try:
            request[name] = write_argument(types[name], value)
            # read it as a service does, so that an integer of more than 64 bits is found out here
            sent = orjson.loads(orjson.dumps(request[name]))
            decode.compile_type_decoder(types[name], find_class)(sent, name)
        except CannotEncode as error:
            found = f"{error.path} in it is {error.found}" if error.path else f"it is {error.found}"
            raise CaptureError(f"the argument {name!r} cannot travel as JSON: {found}", advice=error.advice) from error
        except (decode.InvalidInput, orjson.JSONEncodeError) as error:
            raise CaptureError(
                f"the argument {name!r} cannot travel as JSON: {error}",
                advice="take plain Python values, NumPy arrays or pandas frames of plain columns instead",
            ) from error
    return request


def write_argument(spec: TypeSpec, value: Any) -> Any:
    """Write a value as JSON; a frame or a series with an index of its own takes the form that carries it.

    An index is left out where it only counts the rows, and where the service takes none (raises `CannotEncode`).
    """
    if value is None or spec["kind"] == "optional":
        return to_json(value) if value is None else write_argument(spec["of"], value)
    if spec["kind"] == "series" and spec.get("labels"):
        return dict(zip(spec["labels"], to_json(value), strict=True))
    index = spec.get("index") if spec["kind"] in ("frame", "series") else None
    if index is None or (is_default_index(value.index) and not index.get("required")):
        return to_json(value.reset_index(drop=True) if spec["kind"] == "frame" else value)
    if spec["kind"] == "series":
        return {"index": to_json(value.index), "data": to_json(value)}
    columns = [to_json(value.iloc[:, number]) for number in range(value.shape[1])]
    return {
        "columns": [str(name) for name in value.columns],
        "index": to_json(value.index),
        "data": [list(row) for row in zip(*columns, strict=True)],
    }


def find_class(path: str) -> Any:
    """Find a class as `class_path` names it; those of the service are still the notebook's."""
    module, _, qualname = path.partition(":")
    if module != "service":
        return decode.find_class(path)
    found: Any = sys.modules["__main__"]
    for name in qualname.split("."):
        found = getattr(found, name)
    return found


_MODULES_OF_KINDS = {"frame": "pandas", "series": "pandas", "array": "numpy", "scalar": "numpy", "tensor": "torch"}


def modules_of_types(entries: Sequence[Entry]) -> dict[str, str]:
    """Modules that decoding the arguments needs."""
    modules: dict[str, str] = {}
    for entry in entries:
        for parameter in entry.parameters:
            reason = f"the argument {parameter.name} of {entry.name} is made with it"
            for spec in _specs(parameter.type):
                module = _MODULES_OF_KINDS.get(spec["kind"])
                if module is not None:
                    modules.setdefault(module, reason)
                owner = str(spec.get("class", "")).partition(":")[0]
                if owner not in ("", "service", "__main__", "builtins"):
                    modules.setdefault(owner, reason)
    return modules


def _specs(spec: TypeSpec) -> Iterator[TypeSpec]:
    """Walk a type and the types in it."""
    yield spec
    for value in spec.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and "kind" in inner:
                yield from _specs(inner)
            elif isinstance(inner, dict) and isinstance(inner.get("type"), dict):
                yield from _specs(inner["type"])


def classes_of(spec: TypeSpec) -> set[str]:
    """Name the classes that a type, and the types in it, are made with."""
    return {str(inner["class"]) for inner in _specs(spec) if "class" in inner}
