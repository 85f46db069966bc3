"""Running a notebook without a screen, through papermill, with a deployment at its end."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.document import NOTEBOOK
from jupyter_deploy.errors import DeployError, NotebookError, UsageError
from jupyter_deploy.magics import OVERRIDES, RESULT
from jupyter_deploy.notebook import read_document, read_notebook
from jupyter_deploy.recipe import DeployOptions

_DEPLOYING = re.compile(r"""^[ \t]*%%?deploy\b|= %deploy\b|\.run_(?:line|cell)_magic\(\s*["']deploy["']""", re.MULTILINE)
_LOADING = "%load_ext jupyter_deploy"
TAG = "nbdeploy-injected"
"""Marks the cells of an executed notebook that the author did not write."""
_EXTENSION = "--InteractiveShellApp.extensions=jupyter_deploy"
"""Loads the extension where the notebook does not: a cell of ours for it would shift the numbers of all others."""
_QUIET = "--IPKernelApp.log_level=ERROR"
"""Keeps a kernel's advice about its own transport off the user's screen."""


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


def execute_and_deploy(run: Run, names: Sequence[str], options: DeployOptions) -> dict[str, Any]:
    """Run a notebook; its own `%deploy` line deploys, or one that is added at its end.

    Gives the release's figures as `report.summarise` does.

    Raises
    ------
    ExecutionFailed
        When a cell fails, or the deployment does.
    NotebookError, UsageError
        When it is no notebook that this can run.

    """
    document = load_document(run)
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as folder:
        result = Path(folder) / "result.json"
        variables = {NOTEBOOK: str(run.notebook.resolve()), RESULT: str(result), OVERRIDES: write_overrides(options)}
        try:
            with environment(variables):
                execute(_inject(document, names), run, run.output or Path(folder) / "executed.ipynb")
        except ExecutionFailed as error:
            raise _add_live(error, result) from error
        if not result.exists():
            raise ExecutionFailed("the notebook ran, but nothing was deployed", where=str(run.notebook))
        outcome: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return outcome


def load_document(run: Run) -> Any:
    """Read the notebook that is to be run, every cell with an id.

    Raises
    ------
    NotebookError
        When it is no Python notebook.
    UsageError
        When it has no such parameters.

    """
    import nbformat

    read_notebook(run.notebook)  # roles are checked before anything runs
    try:
        document = nbformat.v4.upgrade(nbformat.reads(json.dumps(read_document(run.notebook)), as_version=4))
    except Exception as error:  # what it raises for a document that breaks the format is of many kinds
        raise NotebookError(f"this is not a notebook that nbformat can read: {error}",
                            where=str(run.notebook)) from error
    language = document.metadata.get("kernelspec", {}).get("language") or document.metadata.get(
        "language_info", {}).get("name", "python")
    if language.lower() != "python":
        raise NotebookError(f"only Python notebooks can be deployed; this one is in {language}",
                            where=str(run.notebook))
    if run.parameters:
        _check_parameters(run)
    return document


def _check_parameters(run: Run) -> None:
    import papermill

    known = papermill.inspect_notebook(str(run.notebook))
    unknown = sorted(set(run.parameters) - set(known))
    if unknown:
        raise UsageError(f"the notebook has no parameter {', '.join(unknown)}", where=str(run.notebook),
                         advice=f"its cell tagged 'parameters' has {', '.join(sorted(known)) or 'none'}")


def _inject(document: Any, names: Sequence[str]) -> Any:
    """Add a deployment to the end of a copy of the document, unless it has its own."""
    ours = copy.deepcopy(document)
    if names or not deploys(document):
        ours.cells.append(deploy_cell(names))
    return ours


def deploys(document: Any) -> bool:
    """Whether a notebook has a `%deploy` line of its own."""
    return any(_DEPLOYING.search(cell.source) for cell in document.cells if cell.cell_type == "code")


def deploy_cell(names: Sequence[str]) -> Any:
    """Write the cell that deploys."""
    from nbformat.v4 import new_code_cell

    return new_code_cell(f"%deploy {shlex.join(names)}".rstrip(), metadata={"tags": [TAG]})


def write_overrides(options: DeployOptions) -> str:
    """Write what the command line says for the `%deploy` lines of the notebook, as `OVERRIDES`."""
    usual = dataclasses.asdict(type(options.capture)())
    captured = {key: value for key, value in dataclasses.asdict(options.capture).items()
                if value != usual[key] and key != "names"}
    given = {"target": options.target} if options.target != "local" else {}
    if options.api_key is not None:
        given["api_key"] = options.api_key
    return json.dumps({"capture": captured, "settings": dict(options.settings), "deploy": given})


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
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillException, PapermillExecutionError

    try:
        papermill.execute_notebook(
            document, str(output), parameters=dict(run.parameters), kernel_name=run.kernel,
            cwd=str(run.notebook.resolve().parent), progress_bar=sys.stderr.isatty(), log_output=False,
            start_timeout=run.start_timeout, extra_arguments=_kernel_arguments(document),
            timeout_func=lambda cell: None if TAG in cell.metadata.get("tags", ()) else run.cell_timeout)
    except PapermillExecutionError as error:
        if failure := _describe_failure(error, run, output):
            raise failure from error
    except CellTimeoutError as error:
        raise ExecutionFailed(
            f"{_last_started(run, output)} took more than {run.cell_timeout} s", where=str(run.notebook),
            advice=f"give it more with --cell-timeout; {_kept(run)}") from error
    except DeadKernelError as error:
        raise ExecutionFailed(
            f"the kernel died while {_last_started(run, output)} ran", where=str(run.notebook),
            advice=f"often it ran out of memory; {_kept(run)}") from error
    except PapermillException as error:
        raise NotebookError(f"papermill cannot run the notebook: {error}", where=str(run.notebook)) from error
    except ValueError as error:
        if "No kernel name found" not in str(error):
            raise
        raise NotebookError("the notebook does not say which kernel it runs with", where=str(run.notebook),
                            advice="choose one with --kernel, such as --kernel python3") from error
    except OSError as error:
        raise ExecutionFailed(
            f"the kernel did not start: {error}", where=str(run.notebook),
            advice="jupyter kernelspec list shows what it is to start; choose another with --kernel") from error
    except RuntimeError as error:  # jupyter_client's "Kernel didn't respond" and "Kernel died before replying"
        raise ExecutionFailed(f"the kernel did not start: {error}", where=str(run.notebook),
                              advice="start it in JupyterLab to see why") from error
    except Exception as error:
        if type(error).__name__ == "NoSuchKernel":
            raise NotebookError(
                f"there is no kernel named {getattr(error, 'name', run.kernel)!r}", where=str(run.notebook),
                advice="jupyter kernelspec list shows those there are; choose one with --kernel") from error
        raise


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


def _add_live(error: ExecutionFailed, result: Path) -> ExecutionFailed:
    """Say so when a cell failed only after the deployment: it stays live."""
    if not result.exists():
        return error
    outcome = json.loads(result.read_text(encoding="utf-8"))
    if not outcome["live"]:
        return error
    return ExecutionFailed(error.message, where=error.where, advice=f"{outcome['name']} went live before that, at "
                           f"{outcome['url']}" + (f"; {error.advice}" if error.advice else ""))


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
        return ExecutionFailed(f"{what.ename}: {what.evalue}")
    trace = "\n".join(what.traceback)
    return ExecutionFailed(f"{place_cell(cell, run.notebook)} failed: {what.ename}: {what.evalue}\n{trace}",
                           where=str(run.notebook), advice=_kept(run))


def _kept(run: Run) -> str:
    return f"the executed notebook is {run.output}" if run.output else "keep the executed notebook with --output FILE"
