"""What is to be served: functions, models and methods of the notebook, each under a name that callers ask for."""

from __future__ import annotations

import ast
import difflib
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.capture.bindings import Bindings
from jupyter_deploy.capture.golden import CallSite
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.models import is_model, model_entries
from jupyter_deploy.errors import CaptureError


@dataclass(frozen=True)
class Route:
    """One route to be: a function of the notebook, or a generated one."""

    name: str
    """What callers ask for: `predict` is `POST /predict`."""
    function: str
    call: str
    """What the notebook calls it: `predict`, `model.predict`."""
    live: Callable[..., Any]
    text: str | None = None
    """Its source, where it is generated."""
    sites: tuple[CallSite, ...] = ()


def find_routes(
    kernel: Kernel, names: Sequence[str], cells: Sequence[ExecutedCell], bindings: Bindings
) -> list[Route]:
    """Find what is to be served: what is named, or else the functions that the entry cells define.

    Raises
    ------
    CaptureError
        When there is nothing to serve, a name means nothing that can be, or two routes have one name.

    """
    names = names or tuple(_entries_of_cells(cells, bindings))
    if not names:
        raise CaptureError(
            "nothing to deploy: no entry is named, and no executed cell is tagged deploy:entry",
            advice="name a function or a model (%deploy predict), or tag the cell that defines it",
        )
    routes = [route for name in names for route in _routes_of(name, kernel)]
    doubled = next((route.name for route in routes if sum(other.name == route.name for other in routes) > 1), None)
    if doubled is not None:
        raise CaptureError(
            f"two entries want the route /{doubled}",
            advice="wrap one of them in a function of another name and deploy that",
        )
    return routes


def _routes_of(name: str, kernel: Kernel) -> list[Route]:
    owner, _, method = name.rpartition(".")
    if owner in kernel.names:
        return [_method_route(owner, method, kernel)]
    if name not in kernel.names:
        known = [key for key, value in kernel.names.items() if callable(value) and not key.startswith("_")]
        near = difflib.get_close_matches(name, known, n=1)
        raise CaptureError(
            f"the kernel knows no {name}",
            advice=f"did you mean {near[0]}?" if near else "run the cell that defines it, then deploy again",
        )
    value = kernel.names[name]
    if is_model(value):
        return [
            Route(entry.route, entry.function, entry.call, entry.live, entry.text, entry.examples)
            for entry in model_entries(name, kernel)
        ]
    if callable(value) and not isinstance(value, type):
        return [Route(name, name, name, value)]
    raise CaptureError(
        f"{name} ({type(value).__name__}) is neither a function nor a model with a predict method",
        advice="deploy a function that uses it",
    )


def _method_route(owner: str, method: str, kernel: Kernel) -> Route:
    """Serve a method of an object of the notebook: `%deploy predictor.predict`."""
    value = kernel.names[owner]
    live = getattr(value, method, None)
    own = isinstance(live, types.MethodType) and live.__module__ == "__main__"
    for entry in model_entries(owner, kernel) if is_model(value) and not own else ():
        if entry.route == method:
            return Route(entry.route, entry.function, entry.call, entry.live, entry.text, entry.examples)
    if callable(live) and not isinstance(live, types.MethodType):
        raise CaptureError(
            f"{owner}.{method} ({type(live).__name__}) is no method that can be served by itself",
            advice="deploy a function that calls it",
        )
    if not isinstance(live, types.MethodType):
        known = [key for key in dir(value) if not key.startswith("_") and callable(getattr(value, key, None))]
        near = difflib.get_close_matches(method, known, n=1)
        raise CaptureError(
            f"{owner} ({type(value).__name__}) has no method {method}",
            advice=f"did you mean {owner}.{near[0]}?" if near else "deploy a function that uses it",
        )
    function = method if method not in kernel.names else f"_{method}_of_{owner}"
    return Route(method, function, f"{owner}.{method}", live)


def _entries_of_cells(cells: Sequence[ExecutedCell], bindings: Bindings) -> Iterator[str]:
    """The public functions that entry cells define."""
    for name in bindings.names():
        last = bindings.last(name)
        if last is None or name.startswith("_") or all(last.cell is not cell for cell in cells):
            continue
        if isinstance(last.statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield name
