"""The types of an entry's arguments and result, from annotations and from the calls made in the notebook."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from jupyter_deploy.capture.annotations import default_values, function_hints, infer
from jupyter_deploy.capture.defaults import own_defaults, write_wrapper
from jupyter_deploy.capture.observed import ANY, TAKE_DATA, CannotTravel, observe, observe_argument
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
        When an argument cannot travel as JSON, or the function takes any arguments at all, as a decorator's does.

    """
    signature = _read_signature(function)
    _refuse_wrapper(function, signature)
    passed = [bind_call(function, args, kwargs) for args, kwargs in calls]
    hints = function_hints(function)
    own = own_defaults(function)
    given = frozenset[str]().union(*passed)
    declared = [one for one in signature.parameters.values() if one.name not in own.keys() - given]
    more = next((one for one in declared if one.kind is one.VAR_KEYWORD), None)
    parameters = [
        _infer_parameter(function, one, passed, hints, own=one.name in own) for one in declared if one is not more
    ]
    named = {parameter.name for parameter in parameters}
    extra = dict.fromkeys(name for arguments in passed for name in arguments if name not in named)
    if more is not None:
        parameters += [_infer_extra(function, name, more, passed, hints, alone=len(declared) == 1) for name in extra]
    return tuple(parameters)


def _refuse_wrapper(function: Callable[..., Any], signature: inspect.Signature) -> None:
    """Refuse what takes anything at all: it is what a decorator made, and nobody says what it takes."""
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    if kinds != [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]:
        return
    held = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    inner = next((value for value in held if inspect.isfunction(value)), None)
    names = dict(zip(map(id, held), function.__code__.co_freevars, strict=True)) if inner is not None else {}
    raise CaptureError(
        f"{_name(function)} takes {str(signature)[1:-1]}, but a request names its arguments",
        advice=f"write @functools.wraps({names[id(inner)]}) above def {_name(function)}{signature}, in the decorator "
        f"of {_name(inner)}: then it is known to take {_read_signature(inner)}"
        if inner is not None
        else f"write the arguments out, such as def {_name(function)}(amount, city)",
    )


def _infer_parameter(
    function: Callable[..., Any], parameter: inspect.Parameter, passed: Sequence[dict[str, Any]], hints: dict[str, Any],
    *, own: bool,
) -> Parameter:  # fmt: skip
    several = parameter.kind is parameter.VAR_POSITIONAL
    name, default = parameter.name, [] if several else parameter.default
    required = default is parameter.empty
    values = [arguments[name] for arguments in passed if name in arguments]
    if several and name in hints:
        hints = {**hints, name: types.GenericAlias(list, (hints[name],))}
    seen = values + ([] if required or own else default_values(default))
    try:
        spec = infer(hints[name], seen) if name in hints else observe_argument(seen)
    except (CannotTravel, CannotEncode) as error:
        raise _refuse(function, name, error, passed) from error
    return Parameter(name, spec, required, None if required or own else _write_default(default))


def _infer_extra(
    function: Callable[..., Any], name: str, more: inspect.Parameter, passed: Sequence[dict[str, Any]],
    hints: dict[str, Any], *, alone: bool,
) -> Parameter:  # fmt: skip
    """Describe a keyword that `**options` took in a golden call: a request may give it, and no other.

    It must, where the function takes nothing else and every golden call gave it, as with `def predict(**features)`.
    """
    values = [arguments[name] for arguments in passed if name in arguments]
    try:
        spec = infer(hints[more.name], values) if more.name in hints else observe_argument(values)
    except (CannotTravel, CannotEncode) as error:
        raise _refuse(function, name, error, passed) from error
    return Parameter(name, spec, required=alone and len(values) == len(passed))


def _refuse(
    function: Callable[..., Any], name: str, error: CannotTravel | CannotEncode, passed: Sequence[dict[str, Any]]
) -> CaptureError:
    found = f"{'something ' if error.found.startswith('of type') else ''}{error.found}"
    wrapper = write_wrapper(function, passed) if error.advice == TAKE_DATA else None
    advice = error.advice
    if wrapper is not None:
        lines = wrapper.replace("\n", "\n      ")
        advice = f"let the service use the notebook's own: call and deploy a function such as\n\n      {lines}"
    return CaptureError(
        f"the argument {name!r} of {_name(function)} is, or holds, {found}, which a request cannot carry",
        advice=advice,
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
    """Name the parameters that must be passed by position; the one that takes several is `*name`.

    These are the positional-only ones and, where the function or a decorator's wrapper takes `*args`, all that have a
    position.
    """
    parameters = _read_signature(function).parameters.values()
    several = [f"*{parameter.name}" for parameter in parameters if parameter.kind is parameter.VAR_POSITIONAL]
    kinds = {inspect.Parameter.POSITIONAL_ONLY} | (
        {inspect.Parameter.POSITIONAL_OR_KEYWORD} if several or hasattr(function, "__wrapped__") else set()
    )
    return (*[parameter.name for parameter in parameters if parameter.kind in kinds], *several)


def bind_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Name the arguments of a call; defaults are left out, also those that it passes though no request could.

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
    own = own_defaults(function)
    for name, value in bound.items():
        if name in own and value is own[name]:
            continue
        kind = signature.parameters[name].kind
        value = list(value) if kind is inspect.Parameter.VAR_POSITIONAL else value
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


_MODULES_OF_KINDS = {"frame": "pandas", "series": "pandas", "array": "numpy", "scalar": "numpy", "tensor": "torch",
                     "polars_frame": "polars", "polars_series": "polars"}


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
                owner, _, of_module = str(spec.get("class", "")).partition(":")
                if of_module and owner not in ("service", "__main__", "builtins"):
                    modules.setdefault(owner, reason)
                elif owner and not of_module:  # pandas' own kind of moment or duration
                    modules.setdefault("pandas", reason)
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
