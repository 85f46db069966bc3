"""What the notebook shows of an entry: its arguments and answers, its golden calls, and what calls change."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.files import Opened, watch_files
from jupyter_deploy.capture.golden import (
    CallSite,
    GoldenAnswer,
    ask_all,
    find_calls,
    leave_out,
    parse_example,
    recorded_calls,
)
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.capture.restoration import Watch
from jupyter_deploy.capture.routes import Route
from jupyter_deploy.capture.schema import classes_of, infer_parameters, infer_returns, positional_names
from jupyter_deploy.capture.slice import Finding
from jupyter_deploy.capture.walk import Walk
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.notebook import Role
from jupyter_deploy.runtime.manifest import Entry


@dataclass(frozen=True)
class Described:
    """An entry as its golden calls show it."""

    entry: Entry
    golden: tuple[GoldenAnswer, ...]
    findings: tuple[Finding, ...]


def read_examples(
    examples: Sequence[str], routes: Sequence[Route], names: Mapping[str, Any]
) -> dict[str, list[CallSite]]:
    """Read the author's examples, by entry (raises `CaptureError`)."""
    calls = {route.call: route.name for route in routes}
    given: dict[str, list[CallSite]] = {route.name: [] for route in routes}
    for example in examples:
        for name, site in parse_example(example, calls, names):
            given[name].append(site)
    return given


def find_sites(
    route: Route, kernel: Kernel, roles: Mapping[Role, Sequence[ExecutedCell]], recorder: Recorder | None
) -> Iterator[CallSite]:
    """Find calls of an entry, the most telling first: in example cells, recorded ones, in other cells."""
    yield from find_calls(route.call, roles.get("example", ()), kernel.names)
    if recorder is not None:
        yield from recorded_calls(recorder.calls_of(route.live))
    yield from route.sites
    if route.text is None:
        yield from find_calls(route.call, kernel.cells, kernel.names)


def describe_entry(
    route: Route, sites: Sequence[CallSite], kernel: Kernel, walk: Walk, watch: Watch, *, unproven: bool
) -> Described:
    """Ask an entry its golden calls in the notebook; the walk takes the files and classes that they bring up.

    Raises
    ------
    CaptureError
        When there is no golden call that succeeds, unless it may stay `unproven`.

    """
    sites, left_out = leave_out(route.live, sites)
    if not sites and not unproven:
        why = left_out[0] if left_out else "no cell calls it with arguments that can be evaluated again"
        raise CaptureError(
            f"{route.call} has no golden call: {why}",
            advice=f"call it in a cell, or add --example '{route.call}{_call_form(route.live, kernel.names)}'; "
            "--unproven deploys without proof",
        )
    seen = [site if site.whole is None else site.whole for site in sites]
    parameters = infer_parameters(route.live, [(site.args, site.kwargs) for site in seen])
    with watch_files() as opened:
        answers, failed = ask_all(route.live, parameters, sites)
    walk.contents.add_read_files(opened.read, route.name)
    if sites and not answers and not unproven:
        raise CaptureError(
            f"no golden call of {route.name} succeeds in the notebook: {failed[0]}",
            advice="add an --example that works",
        )
    returns = infer_returns(route.live, [one.result for one in answers])
    changed = _find_changed(route, walk, watch)
    live = inspect.unwrap(route.live)
    entry = Entry(
        route.name,
        route.function,
        parameters,
        returns,
        inspect.getdoc(route.live) or "",
        is_async=inspect.iscoroutinefunction(live) or inspect.isasyncgenfunction(live),
        mutates=bool(changed),
        positional=positional_names(route.live),
    )
    _walk_classes(entry, kernel, walk)
    doubts = _find_doubts(route.name, answers, opened, kernel.folder.resolve())
    changing = [_tell_changed(route.name, changed)] if changed else []
    return Described(entry, tuple(answers), (*changing, *left_out, *failed, *doubts))


def _find_changed(route: Route, walk: Walk, watch: Watch) -> list[str]:
    """Name the globals that calls of an entry change."""
    moved, doubtful = watch.moved(), walk.contents.doubtful()
    changing = walk.contents.changed_by(route.function) - (doubtful - moved.keys())
    return [moved.get(name, name) for name in sorted(changing)]


def _tell_changed(name: str, changed: Sequence[str]) -> Finding:
    text = (f"{name} changes {', '.join(changed)}: every worker has a copy of its own, and a new version starts from "
            "the notebook's value")
    return Finding(text, code="changing-state")


def _find_doubts(name: str, answers: Sequence[GoldenAnswer], opened: Opened, folder: Path) -> Iterator[Finding]:
    """Tell what is proven and yet may not be what callers need."""
    if answers and all(one.result is None for one in answers):
        text = f"{name} returned None in every golden call, so callers get null"
        yield Finding(f"{text}: what it prints or plots they do not see; let it return that", code="no-answer")
    inside = [path.relative_to(folder) for path in opened.written if path.is_relative_to(folder) and path.is_file()]
    written = sorted(path.as_posix() for path in inside if path.parts[0][0] != ".")
    if written:
        text = f"{name} writes {', '.join(written[:3])}: the service does so in a copy of its own"
        yield Finding(f"{text}, and a new version starts from the notebook's file", code="changing-file")
    given = {key: value for one in answers for key, value in one.request.items() if isinstance(value, str)}
    for key, value in sorted(given.items()):
        if value and any(path in opened.read for path in (Path(value), Path(os.path.abspath(value)))):  # noqa: PTH100
            text = f"{name} opens the file that {key} names ({value}): the service has the notebook's files"
            advice = "let it take the bytes of a file, and open io.BytesIO(them)"
            yield Finding(f"{text}, not its callers'; {advice}", code="callers-file")


def _walk_classes(entry: Entry, kernel: Kernel, walk: Walk) -> None:
    """Take the notebook's classes that the types of arguments and answers name."""
    for spec in [*(parameter.type for parameter in entry.parameters), entry.returns]:
        for path in sorted(classes_of(spec)):
            module, _, name = path.partition(":")
            top = name.partition(".")[0]
            if module == "service" and top in kernel.names:
                walk.add_entry(top)


def _call_form(function: Callable[..., Any], names: Mapping[str, Any]) -> str:
    """Write a call's arguments, with the notebook's values where it has some of their names."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "(…)"
    values = {one.name: one.name if one.name in names else "…" for one in parameters
              if one.name in names or one.default is one.empty}
    return f"({', '.join(f'{name}={value}' for name, value in values.items())})"
