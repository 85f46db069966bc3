"""Golden calls: what the notebook answers, to be answered again by the service."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import copy
import inspect
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from jupyter_deploy.capture.defaults import can_travel, own_defaults
from jupyter_deploy.capture.expressions import calls_in, evaluate, evaluate_arguments, fits_in, is_safe
from jupyter_deploy.capture.kernel import ExecutedCell
from jupyter_deploy.capture.recorder import LARGEST, RecordedCall, size_of
from jupyter_deploy.capture.schema import bind_call, positional_names, value_to_request
from jupyter_deploy.capture.slice import Finding
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime.encode import CannotEncode, describe, to_json
from jupyter_deploy.runtime.entries import by_position
from jupyter_deploy.runtime.manifest import Parameter

MOST = 8
"""Golden calls kept for an entry."""
ROWS = 20
"""Rows kept of a table in a golden call found in a cell: enough to prove, small enough to read."""
WIDTH = 4096
"""Numbers in a single row that is kept whole: half a feature vector is not a shorter one, but a wrong one."""


@dataclass(frozen=True)
class CallSite:
    """Arguments with which an entry was called, and where."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    source: str
    whole: CallSite | None = None
    """The call as it was, where this one has but the first rows of its tables."""


@dataclass(frozen=True)
class GoldenAnswer:
    """A golden call with the notebook's answer."""

    request: Mapping[str, Any]
    answer: Any
    kind: str
    source: str
    seconds: float
    result: Any
    """The live result, from which the type of the entry's answer is inferred."""


def find_calls(callee: str, cells: Sequence[ExecutedCell], names: Mapping[str, Any]) -> Iterator[CallSite]:
    """Find the calls of `callee` in executed cells whose arguments can safely be evaluated again, the latest first."""
    yield from _evaluate_calls(
        ((cell, call) for cell in reversed(cells) for call in calls_in(cell.tree, callee)), names
    )


def find_fits(model: str, cells: Sequence[ExecutedCell], names: Mapping[str, Any]) -> Iterator[CallSite]:
    """Find what a model was fitted with: `model.fit(X, y)` or `model = Estimator().fit(X, y)`, the latest first."""
    yield from _evaluate_calls(((cell, call) for cell in reversed(cells) for call in fits_in(cell.tree, model)), names)


def _evaluate_calls(calls: Iterable[tuple[ExecutedCell, ast.Call]], names: Mapping[str, Any]) -> Iterator[CallSite]:
    for cell, call in calls:
        parts = [*call.args, *(keyword.value for keyword in call.keywords)]
        if all(is_safe(part, names) for part in parts):
            try:
                args, kwargs = evaluate_arguments(call, names)
            except Exception:  # noqa: BLE001, S112 - a name may mean something else by now; another call may do
                continue
            yield CallSite(args, kwargs, f"{cell.label}: {ast.unparse(call)}")


def recorded_calls(calls: Sequence[RecordedCall]) -> list[CallSite]:
    """Turn what the recorder kept into call sites, the latest first."""
    return [CallSite(call.args, call.kwargs, f"cell [{call.count}]") for call in reversed(calls)]


def parse_example(text: str, calls: Mapping[str, str], names: Mapping[str, Any]) -> Iterator[tuple[str, CallSite]]:
    """Read `--example EXPR`: a call of an entry, or the one argument of the only entry or of the only model's entries.

    Parameters
    ----------
    calls
        Entries by what the notebook calls them: `predict`, or `model.predict`.

    Raises
    ------
    CaptureError
        When the expression cannot be read or evaluated.

    """
    source = f"--example {text}"
    try:
        node = ast.parse(text, mode="eval").body
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        entry = calls.get(called, called if called not in names else None)
        if isinstance(node, ast.Call) and entry in calls.values():
            args, kwargs = evaluate_arguments(node, names)
            yield str(entry), CallSite(args, kwargs, source)
            return
        value = evaluate(node, names)
    except Exception as error:
        raise CaptureError(
            f"{source}: {type(error).__name__}: {error}",
            advice=f"write a call such as {next(iter(calls))}(...), or its argument",
        ) from error
    owners = {call.rpartition(".")[0] or call for call in calls}
    if len(owners) > 1:
        raise CaptureError(
            f"{source}: which entry is it for?",
            advice=f"write a call: {' or '.join(f'{call}({text})' for call in calls)}",
        )
    for entry in calls.values():
        yield entry, CallSite((value,), {}, source)


def shorten(site: CallSite, own: Iterable[Any] = ()) -> CallSite:
    """Keep the first rows of long tables among the arguments, other than those that are the function's `own`."""
    changed = False
    kept = set(map(id, own))

    def cut(value: Any) -> Any:
        nonlocal changed
        if id(value) not in kept and _is_tall(value):
            changed = True
            return value.iloc[:ROWS] if hasattr(value, "iloc") else value[:ROWS]
        return value

    args = tuple(cut(value) for value in site.args)
    kwargs = {name: cut(value) for name, value in site.kwargs.items()}
    if not changed:
        return site
    whole = site if sum(map(size_of, (*site.args, *site.kwargs.values()))) <= LARGEST else None
    return CallSite(args, kwargs, f"{site.source} (first {ROWS} rows)", whole)


def _is_tall(value: Any) -> bool:
    """Whether a value is a table, or a column, of more rows than are kept."""
    shape = (len(value),) if isinstance(value, list) else getattr(value, "shape", None)
    if not (isinstance(shape, tuple) and shape and isinstance(shape[0], int)) or shape[0] <= ROWS:
        return False
    return len(shape) > 1 or shape[0] > WIDTH or not any(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or getattr(value, "shape", None) == ()


def select(
    function: Callable[..., Any], asked: Sequence[CallSite], found: Iterable[CallSite] = ()
) -> list[CallSite]:
    """Keep each call once: all that were asked for, and of those found in cells so many that there are `MOST`."""
    chosen: list[CallSite] = []
    seen: set[str] = set()
    own = own_defaults(function).values()
    for number, site in enumerate(shorten(one, own) for one in chain(asked, found)):
        try:
            arguments = bind_call(function, site.args, site.kwargs)
            key = json.dumps({name: to_json(value) for name, value in arguments.items()}, sort_keys=True)
        except (CaptureError, CannotEncode):
            key = site.source
        if key not in seen and (number < len(asked) or len(chosen) < MOST):
            seen.add(key)
            chosen.append(site)
    return chosen


def leave_out(function: Callable[..., Any], sites: Sequence[CallSite]) -> tuple[list[CallSite], list[Finding]]:
    """Leave out the calls that give a parameter, in place of its default, something that no request can carry."""
    kept: list[CallSite] = []
    findings: list[Finding] = []
    own = own_defaults(function) if sites else {}
    for site in sites:
        arguments = bind_call(function, site.args, site.kwargs)
        name = next((name for name in own if name in arguments and not can_travel([arguments[name]])), None)
        if name is None:
            kept.append(site)
        else:
            text = f"{site.source} gives {name} something else than its default, and no request can carry that"
            findings.append(Finding(f"{text}; it is not a golden call", code="failing-call"))
    return kept, findings


def answer(function: Callable[..., Any], parameters: Sequence[Parameter], site: CallSite) -> GoldenAnswer:
    """Ask the notebook: call the live function and keep what it answers.

    Raises
    ------
    CaptureError
        When the arguments or the answer cannot travel as JSON.

    """
    arguments = bind_call(function, site.args, site.kwargs)
    request = value_to_request(parameters, arguments)
    started = time.perf_counter()
    result = call(function, copy.deepcopy(arguments))
    seconds = time.perf_counter() - started
    try:
        return GoldenAnswer(request, to_json(result), describe(result), site.source, seconds, result)
    except CannotEncode as error:
        raise CaptureError(
            f"the answer cannot travel as JSON: {error}",
            where=site.source,
            advice="change what the function returns, or deploy a function that does",
        ) from error


def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call an entry the way the service does: coroutines awaited, generators listed, nothing shown."""
    from IPython.utils.capture import capture_output

    with capture_output(), _nobody_to_ask(function):
        result = by_position(function, positional_names(function))(**arguments)
        if inspect.isawaitable(result) or inspect.isasyncgen(result):
            return _in_own_loop(result)
        return list(result) if inspect.isgenerator(result) else result


@contextlib.contextmanager
def _nobody_to_ask(function: Callable[..., Any]) -> Iterator[None]:
    """Refuse to ask the author what no service can ask its callers (raises `CaptureError`)."""
    name = getattr(function, "__name__", "the entry")

    def refuse(prompt: object = "", /) -> str:
        raise CaptureError(
            f"{name} calls input({str(prompt)!r}), and a service has nobody to ask",
            advice="take what it asks for as an argument",
        )

    asking, builtins.input = builtins.input, refuse
    try:
        yield
    finally:
        builtins.input = asking


def _in_own_loop(pending: Any) -> Any:
    """Await in a thread: the kernel's own event loop is running this very call."""
    outcome: list[Any] = []

    async def gather() -> Any:
        return [item async for item in pending] if inspect.isasyncgen(pending) else await pending

    def run() -> None:
        try:
            outcome.extend((True, asyncio.run(gather())))
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.extend((False, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if outcome[0]:
        return outcome[1]
    raise outcome[1]


def ask_all(
    function: Callable[..., Any], parameters: Sequence[Parameter], sites: Sequence[CallSite]
) -> tuple[list[GoldenAnswer], list[Finding]]:
    """Answer every site; a call that raises in the notebook is left out and reported."""
    answers: list[GoldenAnswer] = []
    findings: list[Finding] = []
    for site in sites:
        try:
            answers.append(_answer_whole(function, parameters, site))
        except CaptureError:
            raise
        except Exception as error:  # noqa: BLE001 - the author's function may raise anything
            source = site.source if site.whole is None else site.whole.source
            text = f"{source} raises {type(error).__name__}: {error}; it is not a golden call"
            findings.append(Finding(text, code="failing-call"))
    return answers, findings


def _answer_whole(function: Callable[..., Any], parameters: Sequence[Parameter], site: CallSite) -> GoldenAnswer:
    """Answer a site; if its first rows are too few for the function, such as one that looks back 28 days, with all."""
    try:
        return answer(function, parameters, site)
    except CaptureError:
        raise
    except Exception:
        if site.whole is None:
            raise
        return answer(function, parameters, site.whole)
