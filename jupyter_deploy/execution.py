"""Running a notebook without a screen, through papermill, with a deployment at its end."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import DeployError, NotebookError, UsageError
from jupyter_deploy.magics import NOTEBOOK, OVERRIDES, RESULT
from jupyter_deploy.notebook import read_notebook
from jupyter_deploy.recipe import DeployOptions

_FIRST = "%load_ext jupyter_deploy"
_TAG = "nbdeploy-injected"
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
    document = _load(run)
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as folder:
        result = Path(folder) / "result.json"
        variables = {NOTEBOOK: str(run.notebook.resolve()), RESULT: str(result), OVERRIDES: _overrides(options)}
        try:
            with _environment(variables):
                _execute(_inject(document, names), run, Path(folder) / "executed.ipynb")
        except ExecutionFailed as error:
            raise _add_live(error, result) from error
        if not result.exists():
            raise ExecutionFailed("the notebook ran, but nothing was deployed", where=str(run.notebook))
        outcome: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return outcome


def _load(run: Run) -> Any:
    import nbformat

    read_notebook(run.notebook)  # roles are checked before anything runs
    document = nbformat.read(run.notebook, as_version=4)
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
    """Add to a copy of the document what it lacks: the extension at its beginning, a deployment at its end."""
    from nbformat.v4 import new_code_cell

    ours = copy.deepcopy(document)
    own = any(line.lstrip().startswith(("%deploy", "%%deploy")) or "= %deploy" in line
              for cell in ours.cells if cell.cell_type == "code" for line in cell.source.splitlines())
    metadata = {"tags": [_TAG]}
    if not any(_FIRST in cell.source for cell in ours.cells if cell.cell_type == "code"):
        ours.cells.insert(0, new_code_cell(_FIRST, metadata=metadata))
    if names or not own:
        ours.cells.append(new_code_cell(f"%deploy {shlex.join(names)}", metadata=metadata))
    return ours


def _overrides(options: DeployOptions) -> str:
    usual = dataclasses.asdict(type(options.capture)())
    captured = {key: value for key, value in dataclasses.asdict(options.capture).items()
                if value != usual[key] and key != "names"}
    given = {"target": options.target} if options.target != "local" else {}
    if options.api_key is not None:
        given["api_key"] = options.api_key
    return json.dumps({"capture": captured, "settings": dict(options.settings), "deploy": given})


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
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


def _execute(document: Any, run: Run, fallback: Path) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillException, PapermillExecutionError

    try:
        papermill.execute_notebook(
            document, str(run.output or fallback), parameters=dict(run.parameters), kernel_name=run.kernel,
            cwd=str(run.notebook.resolve().parent), progress_bar=sys.stderr.isatty(), log_output=False,
            start_timeout=run.start_timeout, execution_timeout=run.cell_timeout, extra_arguments=[_QUIET])
    except PapermillExecutionError as error:
        raise _describe_failure(error, run) from error
    except DeadKernelError as error:
        raise ExecutionFailed(
            "the kernel died while the notebook ran", where=str(run.notebook),
            advice="often it ran out of memory; run the notebook in JupyterLab to see where") from error
    except PapermillException as error:
        raise NotebookError(f"papermill cannot run the notebook: {error}", where=str(run.notebook)) from error
    except Exception as error:
        if type(error).__name__ == "NoSuchKernel":
            raise NotebookError(
                f"there is no kernel named {getattr(error, 'name', run.kernel)!r}", where=str(run.notebook),
                advice="jupyter kernelspec list shows those there are; choose one with --kernel") from error
        raise


def _add_live(error: ExecutionFailed, result: Path) -> ExecutionFailed:
    """Say so when a cell failed only after the deployment: it stays live."""
    if not result.exists():
        return error
    outcome = json.loads(result.read_text(encoding="utf-8"))
    return ExecutionFailed(error.message, where=error.where, advice=f"{outcome['name']} went live before that, at "
                           f"{outcome['url']}" + (f"; {error.advice}" if error.advice else ""))


def _describe_failure(error: Any, run: Run) -> DeployError:
    name = str(error.ename)
    if _FIRST in str(error.source) and name in ("ModuleNotFoundError", "ImportError"):
        return ExecutionFailed("the notebook's kernel does not have nbdeploy", where=str(run.notebook),
                               advice="install it in the kernel's environment: python -m pip install nbdeploy")
    kept = f"the executed notebook is {run.output}" if run.output else "keep the executed notebook with --output FILE"
    if any(name == kind.__name__ for kind in DeployError.__subclasses__()):
        return ExecutionFailed(f"{name}: {error.evalue}")
    trace = "\n".join(error.traceback)
    return ExecutionFailed(f"cell [{error.exec_count}] failed: {name}: {error.evalue}\n{trace}",
                           where=str(run.notebook), advice=kept)
