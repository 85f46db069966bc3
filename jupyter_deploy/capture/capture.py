"""Reading everything a service needs out of a live kernel."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.bindings import Bindings
from jupyter_deploy.capture.emission import emit
from jupyter_deploy.capture.files import watch_files
from jupyter_deploy.capture.golden import (
    CallSite,
    GoldenAnswer,
    ask_all,
    find_calls,
    parse_example,
    recorded_calls,
    select,
)
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.modules import LocalModules, collect_local
from jupyter_deploy.capture.overhearing import Asked, overhear
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.capture.restoration import Watch, restored
from jupyter_deploy.capture.routes import Route, find_routes
from jupyter_deploy.capture.schema import (
    classes_of,
    infer_parameters,
    infer_returns,
    modules_of_types,
    positional_names,
)
from jupyter_deploy.capture.slice import Finding, Slice
from jupyter_deploy.capture.stale import find_stale, match_cells
from jupyter_deploy.capture.state import StateValue
from jupyter_deploy.capture.walk import Walk
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.notebook import Notebook, Role, read_notebook
from jupyter_deploy.runtime.manifest import Entry, Span


@dataclass(frozen=True)
class CaptureOptions:
    """What the author asked for."""

    names: tuple[str, ...] = ()
    """Entries and models by their names in the notebook; none means the cells tagged deploy:entry."""
    name: str | None = None
    """The deployment's name; by default the notebook's."""
    examples: tuple[str, ...] = ()
    strict: bool = False
    unproven: bool = False
    gpu: bool | None = None
    """Whether the service gets a GPU; None: it is found out."""
    gpu_memory: int | None = None
    """Bytes of GPU memory that it gets."""
    exact: bool = False
    """Whether models stay as they are: none is compiled."""


@dataclass(frozen=True)
class Capture:
    """Everything read out of the kernel; from here on neither kernel, disk nor clock is needed."""

    name: str
    python: str
    entries: tuple[Entry, ...]
    setup: tuple[str, ...]
    code: Slice
    text: str
    """`service.py`."""
    spans: tuple[Span, ...]
    golden: tuple[tuple[str, GoldenAnswer], ...]
    """Entry and golden call."""
    local: LocalModules
    imports: Mapping[str, str]
    """Every module that the service imports, with the reason."""
    findings: tuple[Finding, ...]
    secrets: Mapping[str, str]
    """Values of the environment variables that stand for secrets: handed to workers in memory, never written."""
    notebook: Path | None
    gpu: bool | None = None
    """What the author said of a GPU."""
    gpu_memory: int | None = None
    asked: Asked = field(default_factory=dict)
    """What the golden calls asked the models of the state."""

    def replace_state(self, values: Mapping[str, StateValue]) -> Capture:
        """Give the capture with other forms of some values, and without the imports that only the former needed."""
        code = self.code.replace_state(values)
        gone = self.code.modules.keys() - code.modules.keys()
        kept = {**modules_of_types(self.entries), **self.local.imports}
        imports = {module: reason for module, reason in self.imports.items() if module not in gone or module in kept}
        return replace(self, code=code, imports={**code.modules, **imports})


def capture(
    kernel: Kernel, options: CaptureOptions, recorder: Recorder | None = None, *, cache: Path | None = None
) -> Capture:
    """Capture a service from a live kernel.

    `cache` is a folder that remembers which distribution installed which module.

    Raises
    ------
    CaptureError
        When an entry is missing, something it reaches cannot be carried, it has no golden call, or a finding
        stands in the way of `--strict`.

    """
    notebook = read_notebook(kernel.document) if kernel.document is not None else None
    roles = _roles(kernel, notebook)
    bindings = Bindings(kernel)
    routes = find_routes(kernel, options.names, roles.get("entry", ()), bindings)
    walk = Walk(kernel, bindings, skipped=frozenset(cell.count for cell in roles.get("skip", ())))
    setup = _walk_cells(walk, roles)
    for route in routes:
        if route.text is not None:
            walk.add_code(route.function, route.text, route.function)
        elif route.call != route.function:
            walk.add_method(route.function, route.live)
        else:
            walk.add_entry(route.function)
    changed = set().union(*(walk.contents.changed_by(route.function) for route in routes))
    overheard = overhear(_namespaces(routes), walk.contents.models())
    with restored(kernel.names, changed, walk.contents.live_of(changed)) as watch, overheard as asked:
        entries, golden, findings = _ask_entries(kernel, options, routes, roles, recorder, walk, watch)
    code = walk.slice()
    name = options.name or _default_name(kernel, routes)
    text, spans = emit(code, title=f"{name}: {', '.join(entry.name for entry in entries)}, captured from a notebook.")
    imports = {**modules_of_types(entries), **code.modules}
    local = collect_local(imports, cache=cache)
    findings += [*code.findings, *map(Finding, local.warnings)]
    if notebook is not None:
        findings += find_stale(kernel, notebook, _used_names(code), bindings)
    if options.strict and findings:
        raise CaptureError("--strict: " + "; ".join(map(str, findings)), advice="fix these, or leave out --strict")
    return Capture(
        name,
        f"{sys.version_info.major}.{sys.version_info.minor}",
        entries,
        setup,
        code,
        text,
        spans,
        golden,
        local,
        {**imports, **local.imports},
        tuple(findings),
        dict(walk.contents.environment),
        kernel.document,
        options.gpu,
        options.gpu_memory,
        asked,
    )


def _namespaces(routes: Sequence[Route]) -> list[dict[str, Any]]:
    """The globals that the entries read."""
    functions = [inspect.unwrap(route.live) for route in routes]
    return list({id(one.__globals__): one.__globals__ for one in functions if hasattr(one, "__globals__")}.values())


def _roles(kernel: Kernel, notebook: Notebook | None) -> dict[Role, list[ExecutedCell]]:
    """Group executed cells by the role that the document gives them; of a cell that ran twice the last run counts."""
    if notebook is None:
        return {}
    latest: dict[int, tuple[Role, ExecutedCell]] = {}
    matched = match_cells(kernel, notebook)
    for executed in kernel.cells:
        cell = matched.get(executed.count)
        if cell is not None and cell.role is not None:
            latest[cell.position] = (cell.role, executed)
    roles: dict[Role, list[ExecutedCell]] = {}
    for _, (role, executed) in sorted(latest.items()):
        roles.setdefault(role, []).append(executed)
    return roles


def _walk_cells(walk: Walk, roles: Mapping[Role, Sequence[ExecutedCell]]) -> tuple[str, ...]:
    """Include the cells tagged so; give the names of the set-up functions."""
    names = []
    for index, cell in enumerate(roles.get("setup", ()), start=1):
        names.append(f"_setup_{index}")
        walk.add_cell(cell, function=names[-1])
    for cell in roles.get("include", ()):
        walk.add_cell(cell, function=None)
    return tuple(names)


def _ask_entries(
    kernel: Kernel,
    options: CaptureOptions,
    routes: Sequence[Route],
    roles: Mapping[Role, Sequence[ExecutedCell]],
    recorder: Recorder | None,
    walk: Walk,
    watch: Watch,
) -> tuple[tuple[Entry, ...], tuple[tuple[str, GoldenAnswer], ...], list[Finding]]:
    calls = {route.call: route.name for route in routes}
    asked: dict[str, list[CallSite]] = {route.name: [] for route in routes}
    for example in options.examples:
        for name, site in parse_example(example, calls, kernel.names):
            asked[name].append(site)
    entries, golden, findings = [], [], []
    for route in routes:
        sites = select(route.live, asked[route.name], _sites(route, kernel, roles, recorder))
        if not sites and not options.unproven:
            raise CaptureError(
                f"{route.call} has no golden call: no cell calls it with arguments that can be evaluated again",
                advice=f"call it in a cell, or add --example '{route.call}{_call_form(route.live, kernel.names)}'; "
                "--unproven deploys without proof",
            )
        parameters = infer_parameters(route.live, [(site.args, site.kwargs) for site in sites])
        with watch_files() as opened:
            answers, left_out = ask_all(route.live, parameters, sites)
        walk.contents.add_read_files(opened, route.name)
        if sites and not answers and not options.unproven:
            raise CaptureError(
                f"no golden call of {route.name} succeeds in the notebook: {left_out[0]}",
                advice="add an --example that works",
            )
        returns = infer_returns(route.live, [one.result for one in answers])
        moved, doubtful = watch.moved(), walk.contents.doubtful()
        changing = sorted(walk.contents.changed_by(route.function) - (doubtful - moved.keys()))
        changed = [moved.get(name, name) for name in changing]
        if changed:
            findings.append(
                Finding(
                    f"{route.name} changes {', '.join(changed)}: every worker has a copy of its own, and "
                    "a new version starts from the notebook's value",
                    code="changing-state",
                )
            )
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
        for spec in [*(parameter.type for parameter in parameters), returns]:
            for path in sorted(classes_of(spec)):
                if path.startswith("service:") and path[8:].partition(".")[0] in kernel.names:
                    walk.add_entry(path[8:].partition(".")[0])
        entries.append(entry)
        golden += [(route.name, one) for one in answers]
        findings += left_out
    return tuple(entries), tuple(golden), findings


def _sites(
    route: Route, kernel: Kernel, roles: Mapping[Role, Sequence[ExecutedCell]], recorder: Recorder | None
) -> Iterator[CallSite]:
    """Where golden calls come from, the most telling first: example cells, recorded calls, calls in other cells."""
    yield from find_calls(route.call, roles.get("example", ()), kernel.names)
    if recorder is not None:
        yield from recorded_calls(recorder.calls_of(route.live))
    yield from route.sites
    if route.text is None:
        yield from find_calls(route.call, kernel.cells, kernel.names)


def _call_form(function: Callable[..., Any], names: Mapping[str, Any]) -> str:
    """Write a call's arguments, with the notebook's values where it has some of their names."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "(…)"
    values = {one.name: one.name if one.name in names else "…" for one in parameters
              if one.name in names or one.default is one.empty}
    return f"({', '.join(f'{name}={value}' for name, value in values.items())})"


def _default_name(kernel: Kernel, routes: Sequence[Route]) -> str:
    base = kernel.document.stem if kernel.document is not None else routes[0].name
    return name_after(base)


def name_after(text: str) -> str:
    """Name a service after a notebook or a function."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "service"


def _used_names(code: Slice) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {}
    for piece in code.pieces:
        if piece.cell is not None:
            used.setdefault(piece.cell, set()).add(piece.name)
    return used
