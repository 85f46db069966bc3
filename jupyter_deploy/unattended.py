"""A document that papermill runs, without a person: what it needs of the kernel, and what stopped it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import DeployError, NotebookError
from jupyter_deploy.notebook import read_notebook

_LOADING = "%load_ext jupyter_deploy"
TAG = "nbdeploy-injected"
"""Marks the cells of an executed notebook that the author did not write."""
_EXTENSION = "--InteractiveShellApp.extensions=jupyter_deploy"
"""Loads the extension where the notebook does not: a cell of ours for it would shift the numbers of all others."""
_QUIET = "--IPKernelApp.log_level=CRITICAL"
"""Keeps what a kernel says of its own transport and of its end off the user's screen."""

_COLOURS = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True)
class Run:
    """How to run a notebook."""

    notebook: Path
    parameters: Mapping[str, Any]
    output: Path | None = None
    """Where the executed copy goes; also when a cell fails."""
    kernel: str | None = None
    """The kernel's name, by default the notebook's own."""
    start_timeout: int = 120
    cell_timeout: int | None = None


class ExecutionFailed(DeployError):
    """A cell of the notebook failed."""


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the kernel that is started meanwhile: it inherits this process's environment."""
    before = {key: os.environ.get(key) for key in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def execute(document: Any, run: Run, output: Path) -> None:
    """Run a document with papermill; `output` gets the executed copy, also when a cell fails.

    Raises
    ------
    ExecutionFailed
        When a cell fails or takes too long, or the kernel dies or does not start.
    NotebookError
        When papermill cannot run the notebook.

    """
    import papermill

    try:
        papermill.execute_notebook(
            document, str(output), parameters=dict(run.parameters), kernel_name=run.kernel,
            cwd=str(run.notebook.resolve().parent), progress_bar=sys.stderr.isatty(), log_output=False,
            start_timeout=run.start_timeout, extra_arguments=_kernel_arguments(document),
            timeout_func=lambda cell: None if TAG in cell.metadata.get("tags", ()) else run.cell_timeout)
    except Exception as error:
        failure = _explain(error, run, output)
        if failure is error:
            raise
        if failure is not None:
            raise failure from error


def _explain(error: Exception, run: Run, output: Path) -> Exception | None:
    """Say what stopped papermill; None when nothing did that the author does not expect."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillException, PapermillExecutionError

    match error:
        case PapermillExecutionError():
            return _describe_failure(error, run, output)
        case CellTimeoutError():
            return ExecutionFailed(f"{_last_started(run, output)} took more than {run.cell_timeout} s",
                                   where=str(run.notebook),
                                   advice=f"give it more with --cell-timeout; {_kept(run)}")
        case DeadKernelError():
            return ExecutionFailed(f"the kernel died while {_last_started(run, output)} ran", where=str(run.notebook),
                                   advice=f"often it ran out of memory; {_kept(run)}")
        case PapermillException():
            return NotebookError(f"papermill cannot run the notebook: {error}", where=str(run.notebook))
    return _explain_start(error, run)


def _explain_start(error: Exception, run: Run) -> Exception:
    """Say why there is no kernel; what is not about that is given back."""
    where = str(run.notebook)
    if type(error).__name__ == "NoSuchKernel":
        return NotebookError(f"there is no kernel named {getattr(error, 'name', run.kernel)!r}", where=where,
                             advice="jupyter kernelspec list shows those there are; choose one with --kernel")
    if isinstance(error, ValueError) and "No kernel name found" in str(error):
        return NotebookError("the notebook does not say which kernel it runs with", where=where,
                             advice="choose one with --kernel, such as --kernel python3")
    if isinstance(error, OSError):
        return ExecutionFailed(f"the kernel did not start: {error}", where=where,
                               advice="jupyter kernelspec list shows what it is to start; choose another with --kernel")
    if isinstance(error, RuntimeError):  # jupyter_client's "Kernel didn't respond" and "Kernel died before replying"
        return ExecutionFailed(f"the kernel did not start: {error}", where=where,
                               advice="start it in JupyterLab to see why")
    return error


def _kernel_arguments(document: Any) -> list[str]:
    loads = any(_LOADING in cell.source for cell in document.cells if cell.cell_type == "code")
    return [_QUIET] if loads else [_QUIET, _EXTENSION]


def _last_started(run: Run, output: Path) -> str:
    """Name the cell that papermill came to last."""
    import nbformat

    executed = nbformat.read(output, as_version=4).cells if output.exists() else []
    started = [cell for cell in executed if cell.metadata.get("papermill", {}).get("start_time")]
    return place_cell(started[-1], run.notebook) if started else "the notebook"


def place_cell(cell: Any, notebook: Path) -> str:
    """Name a cell of an executed notebook by its place in the author's document."""
    for own in read_notebook(notebook).cells:
        if own.source == cell.source and own.id in ("", cell.id):
            return f"cell {own.position}"
    return "the cell with the parameters" if "injected-parameters" in cell.metadata.get("tags", ()) else "%deploy"


def _describe_failure(error: Any, run: Run, output: Path) -> DeployError | None:
    """Describe the cell that failed; None when all that did were expected to, by their tag."""
    import nbformat

    failed = next(((cell, one) for cell in nbformat.read(output, as_version=4).cells if cell.cell_type == "code"
                   for one in cell.outputs if one.output_type == "error"
                   and "raises-exception" not in cell.metadata.get("tags", ())), None)
    if failed is None and not error.traceback:
        return ExecutionFailed(f"the notebook ended itself: {error.ename} {error.evalue}".rstrip(),
                               where=str(run.notebook), advice=_kept(run))
    if failed is None:
        return None
    cell, what = failed
    if "magic function" in what.evalue and "deploy" in what.evalue:
        return ExecutionFailed("the notebook's kernel does not have nbdeploy", where=str(run.notebook),
                               advice="install it in the kernel's environment: python -m pip install nbdeploy")
    if any(what.ename == kind.__name__ for kind in DeployError.__subclasses__()):
        return ExecutionFailed(what.evalue)
    trace = "\n".join(what.traceback)
    if not sys.stderr.isatty():
        trace = _COLOURS.sub("", trace)
    return ExecutionFailed(f"{place_cell(cell, run.notebook)} failed: {what.ename}: {what.evalue}\n{trace}",
                           where=str(run.notebook), advice=_kept(run))


def _kept(run: Run) -> str:
    return f"the executed notebook is {run.output}" if run.output else "keep the executed notebook with --output FILE"
