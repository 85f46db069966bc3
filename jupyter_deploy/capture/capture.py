"""Reading everything a service needs out of a live kernel."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.bindings import Bindings
from jupyter_deploy.capture.emission import emit
from jupyter_deploy.capture.entries import Described, describe_entry, find_sites, read_examples
from jupyter_deploy.capture.files import find_files
from jupyter_deploy.capture.golden import GoldenAnswer, select
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.modules import LocalModules, collect_local
from jupyter_deploy.capture.overhearing import Asked, overhear
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.capture.restoration import restored
from jupyter_deploy.capture.routes import Route, find_routes
from jupyter_deploy.capture.schema import modules_of_types
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
    _walk_routes(walk, routes)
    changed = set().union(*(walk.contents.changed_by(route.function) for route in routes))
    described: list[Described] = []
    overheard = overhear(_namespaces(routes), walk.contents.models())
    with restored(kernel.names, changed, walk.contents.live_of(changed)) as watch, overheard as asked:
        examples = read_examples(options.examples, routes, kernel.names)
        for route in routes:
            sites = select(route.live, examples[route.name], find_sites(route, kernel, roles, recorder))
            described.append(describe_entry(route, sites, kernel, walk, watch, unproven=options.unproven))
    entries = tuple(one.entry for one in described)
    code = walk.slice()
    name = options.name or _default_name(kernel, routes)
    text, spans = emit(code, title=f"{name}: {', '.join(entry.name for entry in entries)}, captured from a notebook.")
    imports = {**modules_of_types(entries), **code.modules}
    local = collect_local(imports, cache=cache)
    findings = [finding for one in described for finding in one.findings]
    read, kept_out = find_files(local.texts, kernel.folder, "a module beside the notebook")
    code = replace(code, data={**read, **code.data})
    local = local.place_data(code.data)
    findings += [*code.findings, *map(Finding, local.warnings), *kept_out]
    if notebook is not None:
        findings += find_stale(kernel, notebook, _used_names(code), bindings)
    if options.strict and findings:
        raise CaptureError("--strict: " + "; ".join(map(str, findings)), advice="fix these, or leave out --strict")
    return Capture(
        name, f"{sys.version_info.major}.{sys.version_info.minor}", entries, setup, code, text, spans,
        tuple((one.entry.name, answer) for one in described for answer in one.golden),
        local, {**imports, **local.imports}, tuple(findings), dict(walk.contents.environment), kernel.document,
        options.gpu, options.gpu_memory, asked,
    )  # fmt: skip


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


def _walk_routes(walk: Walk, routes: Sequence[Route]) -> None:
    for route in routes:
        if route.text is not None:
            walk.add_code(route.function, route.text, route.function)
        elif route.call != route.function:
            walk.add_method(route.function, route.live)
        else:
            walk.add_entry(route.function)


def _walk_cells(walk: Walk, roles: Mapping[Role, Sequence[ExecutedCell]]) -> tuple[str, ...]:
    """Include the cells tagged so; give the names of the set-up functions."""
    names = []
    for index, cell in enumerate(roles.get("setup", ()), start=1):
        names.append(f"_setup_{index}")
        walk.add_cell(cell, function=names[-1])
    for cell in roles.get("include", ()):
        walk.add_cell(cell, function=None)
    return tuple(names)


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
