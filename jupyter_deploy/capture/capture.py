"""Reading everything a service needs out of a live kernel."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import sys
import types
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
from jupyter_deploy.capture.models import is_model, model_entries
from jupyter_deploy.capture.modules import LocalModules, collect_local
from jupyter_deploy.capture.overhearing import Asked, overhear
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.capture.restoration import restored
from jupyter_deploy.capture.schema import infer_parameters, infer_returns, positional_names
from jupyter_deploy.capture.slice import Finding, Slice
from jupyter_deploy.capture.stale import find_stale, match_cells
from jupyter_deploy.capture.state import StateValue
from jupyter_deploy.capture.walk import Walk
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.notebook import Notebook, Role, read_notebook
from jupyter_deploy.runtime.manifest import Entry, Span, TypeSpec


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
        kept = {**_modules_of_types(self.entries), **self.local.imports}
        imports = {module: reason for module, reason in self.imports.items() if module not in gone or module in kept}
        return replace(self, code=code, imports={**code.modules, **imports})


@dataclass(frozen=True)
class _Target:
    """One route to be: a function of the notebook, or a generated one."""

    route: str
    function: str
    call: str
    """What the notebook calls it: `predict`, `model.predict`."""
    live: Callable[..., Any]
    text: str | None = None
    """Its source, where it is generated."""
    sites: tuple[CallSite, ...] = ()


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
    targets = _find_targets(kernel, options, roles, bindings)
    walk = Walk(kernel, bindings, skipped=frozenset(cell.count for cell in roles.get("skip", ())))
    setup = _walk_cells(walk, roles)
    for target in targets:
        if target.text is not None:
            walk.add_code(target.function, target.text, target.function)
        elif target.call != target.function:
            walk.add_method(target.function, target.live)
        else:
            walk.add_entry(target.function)
    changed = set().union(*(walk.contents.changed_by(target.function) for target in targets))
    with restored(kernel.names, changed), overhear(_namespaces(targets), walk.contents.models()) as asked:
        entries, golden, findings = _ask_entries(kernel, options, targets, roles, recorder, walk)
    code = walk.slice()
    name = options.name or _default_name(kernel, targets)
    text, spans = emit(code, title=f"{name}: {', '.join(entry.name for entry in entries)}, captured from a notebook.")
    imports = {**_modules_of_types(entries), **code.modules}
    local = collect_local(imports, cache=cache)
    findings += [*code.findings, *map(Finding, local.warnings)]
    if notebook is not None:
        findings += find_stale(kernel, notebook, _used_names(code), bindings)
    if options.strict and findings:
        raise CaptureError("--strict: " + "; ".join(map(str, findings)), advice="mend these, or leave --strict out")
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


def _namespaces(targets: Sequence[_Target]) -> list[dict[str, Any]]:
    """The globals that the entries read."""
    functions = [inspect.unwrap(target.live) for target in targets]
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


def _find_targets(
    kernel: Kernel, options: CaptureOptions, roles: Mapping[Role, Sequence[ExecutedCell]], bindings: Bindings
) -> list[_Target]:
    names = options.names or tuple(_entries_of_cells(roles.get("entry", ()), bindings))
    if not names:
        raise CaptureError(
            "nothing to deploy: no entry is named, and no executed cell is tagged deploy:entry",
            advice="name a function or a model (%deploy predict), or tag the cell that defines it",
        )
    targets: list[_Target] = []
    for name in names:
        targets += _targets_of(name, kernel)
    doubled = next(
        (target.route for target in targets if sum(other.route == target.route for other in targets) > 1), None
    )
    if doubled is not None:
        raise CaptureError(
            f"two entries want the route /{doubled}",
            advice="wrap one of them in a function of another name and deploy that",
        )
    return targets


def _targets_of(name: str, kernel: Kernel) -> list[_Target]:
    owner, _, method = name.rpartition(".")
    if owner in kernel.names:
        return [_method_target(owner, method, kernel)]
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
            _Target(entry.route, entry.function, entry.call, entry.live, entry.text, entry.examples)
            for entry in model_entries(name, kernel)
        ]
    if callable(value) and not isinstance(value, type):
        return [_Target(name, name, name, value)]
    raise CaptureError(
        f"{name} ({type(value).__name__}) is neither a function nor a model with a predict method",
        advice="deploy a function that uses it",
    )


def _method_target(owner: str, method: str, kernel: Kernel) -> _Target:
    """Serve a method of an object of the notebook: `%deploy predictor.predict`."""
    value = kernel.names[owner]
    live = getattr(value, method, None)
    own = isinstance(live, types.MethodType) and live.__module__ == "__main__"
    for entry in model_entries(owner, kernel) if is_model(value) and not own else ():
        if entry.route == method:
            return _Target(entry.route, entry.function, entry.call, entry.live, entry.text, entry.examples)
    if not isinstance(live, types.MethodType):
        known = [key for key in dir(value) if not key.startswith("_") and callable(getattr(value, key, None))]
        near = difflib.get_close_matches(method, known, n=1)
        raise CaptureError(
            f"{owner} ({type(value).__name__}) has no method {method}",
            advice=f"did you mean {owner}.{near[0]}?" if near else "deploy a function that uses it",
        )
    function = method if method not in kernel.names else f"_{method}_of_{owner}"
    return _Target(method, function, f"{owner}.{method}", live)


def _entries_of_cells(cells: Sequence[ExecutedCell], bindings: Bindings) -> Iterator[str]:
    """The public functions that entry cells define."""
    for name in bindings.names():
        last = bindings.last(name)
        if last is None or name.startswith("_") or all(last.cell is not cell for cell in cells):
            continue
        if isinstance(last.statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield name


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
    targets: Sequence[_Target],
    roles: Mapping[Role, Sequence[ExecutedCell]],
    recorder: Recorder | None,
    walk: Walk,
) -> tuple[tuple[Entry, ...], tuple[tuple[str, GoldenAnswer], ...], list[Finding]]:
    calls = {target.call: target.route for target in targets}
    asked: dict[str, list[CallSite]] = {target.route: [] for target in targets}
    for example in options.examples:
        for route, site in parse_example(example, calls, kernel.names):
            asked[route].append(site)
    entries, golden, findings = [], [], []
    for target in targets:
        sites = select(target.live, asked[target.route], _sites(target, kernel, roles, recorder))
        if not sites and not options.unproven:
            raise CaptureError(
                f"{target.call} has no golden call: no cell calls it with arguments that can be evaluated again",
                advice=f"call it in a cell, or add --example '{target.call}{_call_form(target.live)}'; "
                "--unproven deploys without proof",
            )
        parameters = infer_parameters(target.live, [(site.args, site.kwargs) for site in sites])
        with watch_files() as opened:
            answers, left_out = ask_all(target.live, parameters, sites)
        walk.contents.add_read_files(opened, target.route)
        if sites and not answers and not options.unproven:
            raise CaptureError(
                f"no golden call of {target.route} succeeds in the notebook: {left_out[0]}",
                advice="add an --example that works",
            )
        returns = infer_returns(target.live, [one.result for one in answers])
        changed = sorted(walk.contents.changed_by(target.function))
        if changed:
            findings.append(
                Finding(
                    f"{target.route} changes {', '.join(changed)}: every worker has a copy of its own, and "
                    "a new version starts from the notebook's value",
                    code="changing-state",
                )
            )
        live = inspect.unwrap(target.live)
        entry = Entry(
            target.route,
            target.function,
            parameters,
            returns,
            inspect.getdoc(target.live) or "",
            is_async=inspect.iscoroutinefunction(live) or inspect.isasyncgenfunction(live),
            mutates=bool(changed),
            positional=positional_names(target.live),
        )
        for spec in [*(parameter.type for parameter in parameters), returns]:
            for path in sorted(_classes_of(spec)):
                if path.startswith("service:") and path[8:].partition(".")[0] in kernel.names:
                    walk.add_entry(path[8:].partition(".")[0])
        entries.append(entry)
        golden += [(target.route, one) for one in answers]
        findings += left_out
    return tuple(entries), tuple(golden), findings


def _sites(
    target: _Target, kernel: Kernel, roles: Mapping[Role, Sequence[ExecutedCell]], recorder: Recorder | None
) -> Iterator[CallSite]:
    """Where golden calls come from, the most telling first: example cells, recorded calls, calls in other cells."""
    yield from find_calls(target.call, roles.get("example", ()), kernel.names)
    if recorder is not None:
        yield from recorded_calls(recorder.calls_of(target.live))
    yield from target.sites
    if target.text is None:
        yield from find_calls(target.call, kernel.cells, kernel.names)


def _call_form(function: Callable[..., Any]) -> str:
    try:
        return f"({', '.join(f'{name}=…' for name in inspect.signature(function).parameters)})"
    except (TypeError, ValueError):
        return "(…)"


def _default_name(kernel: Kernel, targets: Sequence[_Target]) -> str:
    base = kernel.document.stem if kernel.document is not None else targets[0].route
    slug = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-")[:63].strip("-")
    return slug or "service"


def _used_names(code: Slice) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {}
    for piece in code.pieces:
        if piece.cell is not None:
            used.setdefault(piece.cell, set()).add(piece.name)
    return used


_MODULES_OF_KINDS = {"frame": "pandas", "series": "pandas", "array": "numpy", "scalar": "numpy", "tensor": "torch"}


def _modules_of_types(entries: Sequence[Entry]) -> dict[str, str]:
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


def _classes_of(spec: TypeSpec) -> set[str]:
    return {str(inner["class"]) for inner in _specs(spec) if "class" in inner}
