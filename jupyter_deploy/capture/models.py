"""Serving a model object directly: the entries that call it, and example data to call it with."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.capture.golden import ROWS, CallSite, find_calls, find_fits
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.recorder import LARGEST, size_of


@dataclass(frozen=True)
class ModelEntry:
    """A route that calls a method of a model."""

    route: str
    function: str
    text: str
    """Source of the function for the slice."""
    call: str
    """What the notebook calls it: `model.predict`."""
    live: Callable[..., Any]
    """The same function over the live model."""
    examples: tuple[CallSite, ...]


def is_model(value: object) -> bool:
    """Whether a value is served by its `predict` method (or, as a PyTorch module, by calling it)."""
    return (
        not inspect.isroutine(value)
        and not isinstance(value, (type, types.ModuleType))
        and (callable(getattr(value, "predict", None)) or is_torch_module(value))
    )


def is_torch_module(value: object) -> bool:
    """Whether a value is a `torch.nn.Module`, without importing PyTorch."""
    return any(
        f"{cls.__module__}.{cls.__qualname__}" == "torch.nn.modules.module.Module" for cls in type(value).__mro__
    )


def model_entries(name: str, kernel: Kernel) -> tuple[ModelEntry, ...]:
    """Write the entries of the model that the notebook calls `name`."""
    model = kernel.names[name]
    if is_torch_module(model) and not callable(getattr(model, "predict", None)):
        body = "    import torch\n\n    with torch.inference_mode():\n        return {name}(data)"
        return (_entry(name, "predict", body, (name, f"{name}.forward"), kernel),)
    entries = [_entry(name, "predict", "    return {name}.predict(data)", (f"{name}.predict",), kernel)]
    if callable(getattr(model, "predict_proba", None)):
        entries.append(
            _entry(
                name,
                "predict_proba",
                "    return {name}.predict_proba(data)",
                (f"{name}.predict_proba", f"{name}.predict"),
                kernel,
            )
        )
    return tuple(entries)


def _entry(name: str, route: str, body: str, callees: tuple[str, ...], kernel: Kernel) -> ModelEntry:
    function = route if route not in kernel.names else f"_{route}_of_{name}"
    doc = f"Answer what `{name}` ({type(kernel.names[name]).__name__}) answers."
    text = f'def {function}(data):\n    """{doc}"""\n{body.format(name=name)}'
    namespace: dict[str, Any] = {name: kernel.names[name], "__name__": "__main__"}
    exec(compile(text, "<model entry>", "exec"), namespace)  # noqa: S102 - source written four lines above
    return ModelEntry(route, function, text, callees[0], namespace[function], tuple(_examples(name, callees, kernel)))


def _examples(name: str, callees: tuple[str, ...], kernel: Kernel) -> Iterator[CallSite]:
    """Example data: what the model was called with, else what it was fitted on, else a table of its columns."""
    for callee in callees:
        for site in find_calls(callee, kernel.cells, kernel.names):
            data = [*site.args, *site.kwargs.values()]
            if data:
                yield CallSite((data[0],), {}, site.source)
    for site in find_fits(name, kernel.cells, kernel.names):
        if site.args:
            whole = CallSite((site.args[0],), {}, site.source) if size_of(site.args[0]) <= LARGEST else None
            yield CallSite((_first_rows(site.args[0]),), {}, f"{site.source}, its first rows", whole)
    yield from _tables_that_fit(name, kernel)


def _tables_that_fit(name: str, kernel: Kernel) -> Iterator[CallSite]:
    """Tables among the globals that have just the features the model was fitted on."""
    model = kernel.names[name]
    features = getattr(model, "feature_names_in_", None)
    width = getattr(model, "n_features_in_", None)
    for key, value in kernel.names.items():
        shape = getattr(value, "shape", ())
        if key.startswith("_") or not isinstance(shape, tuple) or len(shape) != 2 or shape[0] == 0:
            continue
        columns = getattr(value, "columns", None)
        if features is not None and columns is not None:
            if list(columns) == list(features):
                yield CallSite((_first_rows(value),), {}, f"the first rows of {key}")
        elif features is None and columns is None and shape[1] == width:
            yield CallSite((_first_rows(value),), {}, f"the first rows of {key}")


def _first_rows(data: Any) -> Any:
    count = min(ROWS, 5)
    if hasattr(data, "iloc"):
        return data.iloc[:count]
    return data[:count] if hasattr(data, "__getitem__") else data
