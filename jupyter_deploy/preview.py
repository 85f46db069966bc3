"""What the panel asks a kernel for: what would be captured, and `%deploy` with its progress, both as JSON.

The panel executes one expression in the kernel; the answers are displayed as messages of `MIME`, each a JSON object
with an `event`: `preview`, `stage`, `released` or `error`. Nothing is left in the notebook's globals or in its history.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from jupyter_deploy import __version__
from jupyter_deploy.capture.capture import Capture, capture
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.stale import find_edited, match_cells
from jupyter_deploy.compile import compile_models
from jupyter_deploy.errors import DeployError, ProofError, UsageError
from jupyter_deploy.magics import DRY_RUN, DeployMagics, is_dry_run
from jupyter_deploy.notebook import read_notebook
from jupyter_deploy.options import build_magic_parser, read_deploy_options
from jupyter_deploy.recipe import DeployOptions, deploy
from jupyter_deploy.registry import data_dir
from jupyter_deploy.report import Stage, list_contents, summarise
from jupyter_deploy.requirements import resolve

MIME = "application/vnd.nbdeploy+json"


class OtherVersion(UsageError):
    """The panel is of another version than the kernel's package: neither knows what the other means."""


def show_preview(arguments: list[str], document: str | None = None, panel: str = __version__) -> None:
    """Display what `%deploy` with these arguments would capture.

    Parameters
    ----------
    arguments
        As on the `%deploy` line, one by one.
    document
        The notebook's file name, as the panel knows it: the kernel may have been started under another one.
    panel
        The panel's version.

    """
    with _told_errors():
        magics, kernel, options = _read(arguments, document, panel)
        started = time.perf_counter()
        captured = capture(kernel, options.capture, magics.recorder, cache=data_dir() / "cache")
        if not options.capture.exact:
            captured, _ = compile_models(captured)
        requirements = resolve(captured.imports, cache=data_dir() / "cache")
        _display({"event": "preview", "name": captured.name, **list_contents(captured, requirements),
                  **_describe_sources(captured, kernel), "seconds": round(time.perf_counter() - started, 3)})


def show_deploy(arguments: list[str], document: str | None = None, panel: str = __version__) -> None:
    """Deploy as `%deploy` with these arguments does, displaying every stage as it is done and what came of it."""
    stages: list[Stage] = []

    def report(name: str, text: str, seconds: float) -> None:
        stages.append(Stage(name, text, seconds))
        _display({"event": "stage", **asdict(stages[-1])})

    with _told_errors():
        if is_dry_run():
            raise UsageError(f"{DRY_RUN} is set, so nothing goes live", advice="start the kernel without it")
        magics, kernel, options = _read(arguments, document, panel)
        release = deploy(kernel, options, report, magics.recorder)
        _display({"event": "released", **summarise(release, stages),
                  **_describe_sources(release.packaged.capture, kernel)})


def _display(message: dict[str, Any]) -> None:
    display({MIME: message}, raw=True)


def _read(arguments: list[str], document: str | None, panel: str) -> tuple[DeployMagics, Kernel, DeployOptions]:
    if panel != __version__:
        raise OtherVersion(f"the kernel has nbdeploy {__version__}, this panel is of {panel}",
                           advice="install the same version in both, restart the kernel and reload the page")
    magics = _find_magics()
    parsed = build_magic_parser().parse_args(arguments)
    return magics, magics.read_kernel(_find_document(document)), read_deploy_options(parsed, tuple(parsed.names))


def _find_magics() -> DeployMagics:
    """Find the magics, which hold what was recorded; load them when the notebook has not."""
    shell: Any = get_ipython()
    shell.extension_manager.load_extension("jupyter_deploy")
    magics: DeployMagics = shell.magics_manager.registry[DeployMagics.__name__]
    return magics


def _find_document(name: str | None) -> Path | None:
    """Find the notebook file by its name: a kernel starts in the notebook's folder."""
    path = None if name is None else Path.cwd() / Path(name).name
    return path if path is not None and path.is_file() else None


def _describe_sources(captured: Capture, kernel: Kernel) -> dict[str, Any]:
    """Give what only a panel beside the notebook shows: the cells, the module, and sections of rows as they are."""
    return {"cells": list(_cells_of(captured, kernel)), "service": captured.text,
            "sections": list(_sections_of(captured))}


def _sections_of(captured: Capture) -> Iterator[dict[str, Any]]:
    """Give sections for the panel to show as they are: a `title`, and `rows` of a `name`, a `figure` and a `reason`."""
    if captured.secrets:
        yield {"title": "Environment variables", "rows": [
            {"name": name, "figure": "", "reason": "a secret: read from the environment, never captured"}
            for name in captured.secrets]}


def _cells_of(captured: Capture, kernel: Kernel) -> Iterator[dict[str, Any]]:
    """Name the cells that the slice comes from, with their ids in the document and what is taken from each."""
    notebook = read_notebook(kernel.document) if kernel.document is not None else None
    matched = match_cells(kernel, notebook) if notebook is not None else {}
    names: dict[str, list[str]] = {}
    for piece in captured.code.pieces:
        if piece.cell is not None:
            names.setdefault(piece.cell, []).append(piece.name)
    for executed in kernel.cells:
        if executed.label in names:
            stale = notebook is not None and executed.count not in matched
            cell = matched.get(executed.count) or (
                notebook and find_edited(executed, names[executed.label], notebook, matched))
            yield {"label": executed.label, "count": executed.count, "id": cell.id if cell else executed.id,
                   "stale": stale, "names": names[executed.label]}


@contextmanager
def _told_errors() -> Iterator[None]:
    """Display what goes wrong as a message: the panel shows it, so it is not an error of the kernel."""
    try:
        yield
    except ProofError as error:
        _display({"event": "error", **_describe(error), "differences": [asdict(one) for one in error.differences],
                  "failures": [_describe_failure(one) for one in error.failures]})
    except DeployError as error:
        _display({"event": "error", **_describe(error)})
    except KeyboardInterrupt:
        _display({"event": "error", "type": "Interrupted", "message": "interrupted: nothing was deployed",
                  "where": None, "advice": None})


def _describe(error: DeployError) -> Mapping[str, Any]:
    return {"type": type(error).__name__, "message": error.message, "where": error.where, "advice": error.advice,
            "stage": error.stage}


def _describe_failure(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: record.get(key) for key in ("entry", "message", "cell", "where", "traceback")}
