"""Running a notebook without a screen, through papermill, with a deployment at its end."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_deploy.document import NOTEBOOK
from jupyter_deploy.errors import NotebookError, UsageError
from jupyter_deploy.gate import Gate
from jupyter_deploy.magics import CHECK, OVERRIDES, RESULT
from jupyter_deploy.notebook import read_document, read_notebook
from jupyter_deploy.progress import PROGRESS, follow
from jupyter_deploy.recipe import DeployOptions
from jupyter_deploy.unattended import TAG, ExecutionFailed, Run, environment, execute

_DEPLOYING = re.compile(
    r"""^[ \t]*%%?deploy\b|= %deploy\b|\.run_(?:line|cell)_magic\(\s*["']deploy["']""", re.MULTILINE)


def execute_and_deploy(run: Run, names: Sequence[str], options: DeployOptions, *, gate: Gate | None = None,
                       more: Mapping[str, str] | None = None, whole: bool = True) -> dict[str, Any]:
    """Run a notebook; its own `%deploy` line deploys, or one that is added at its end.

    Unless the `whole` of it is to run, it ends with that line: what follows would call what does not go live.

    The stages are shown on standard error as they end; `more` are further variables for the kernel. Gives the release's
    figures as `report.summarise` does; with a gate, nothing goes live before the notebook and its test cells have run
    and the gate is met, and the figures say what came of it (`gate`, `metrics`).

    Raises
    ------
    ExecutionFailed
        When a cell fails, or the deployment does.
    NotebookError, UsageError
        When it is not a notebook that this can run.

    """
    document = load_document(run)
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as folder:
        result, progress = Path(folder) / "result.json", Path(folder) / "progress.txt"
        variables = {NOTEBOOK: str(run.notebook.resolve()), RESULT: str(result), OVERRIDES: write_overrides(options),
                     PROGRESS: str(progress), **(more or {})}
        if gate is not None:
            variables[CHECK] = json.dumps({"outcome": f"{folder}/outcome.json", "gate": gate.text})
        try:
            with environment(variables), follow(progress, _show):
                arranged = _arrange(document, names, gate, whole=whole)
                execute(arranged, run, run.output or Path(folder) / "executed.ipynb")
        except ExecutionFailed as error:
            raise _add_live(error, result) from error
        if not result.exists():
            raise ExecutionFailed("the notebook ran, but nothing was deployed", where=str(run.notebook))
        outcome: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return outcome


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _arrange(document: Any, names: Sequence[str], gate: Gate | None, *, whole: bool) -> Any:
    if gate is None:
        return _inject(document, names, whole=whole)
    from jupyter_deploy.check.arrangement import PROMOTE, arrange

    return arrange(document, names, PROMOTE)


def load_document(run: Run) -> Any:
    """Read the notebook that is to be run, every cell with an id.

    Raises
    ------
    NotebookError
        When it is not a Python notebook.
    UsageError
        When it has no such parameters.

    """
    nbformat = _import_nbformat()
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


def _import_nbformat() -> Any:
    """Import nbformat without a module that jsonschema loads where it is installed, as it is with JupyterLab.

    It builds a grammar for two seconds, more than all else takes, to check IRIs. A notebook has none.
    """
    grammar = "rfc3987_syntax"
    if grammar not in sys.modules:
        sys.modules[grammar] = None  # type: ignore[assignment]  # Python's way to say that it cannot be imported
        try:
            importlib.import_module("nbformat")
        finally:
            del sys.modules[grammar]
    return importlib.import_module("nbformat")


def _check_parameters(run: Run) -> None:
    import papermill

    known = papermill.inspect_notebook(str(run.notebook))
    unknown = sorted(set(run.parameters) - set(known))
    if unknown:
        raise UsageError(f"the notebook has no parameter {', '.join(unknown)}", where=str(run.notebook),
                         advice=f"its cell tagged 'parameters' has {', '.join(sorted(known)) or 'none'}")


def _inject(document: Any, names: Sequence[str], *, whole: bool) -> Any:
    """Add a deployment to the end of a copy of the document, unless it has its own; that may end it."""
    ours = copy.deepcopy(document)
    if names or not deploys(document):
        ours.cells.append(deploy_cell(names))
    elif not whole:
        del ours.cells[max(_list_deploying(document)) + 1:]
    return ours


def deploys(document: Any) -> bool:
    """Whether a notebook has a `%deploy` line of its own."""
    return bool(_list_deploying(document))


def _list_deploying(document: Any) -> list[int]:
    """Number the cells that have a `%deploy` line."""
    return [number for number, cell in enumerate(document.cells)
            if cell.cell_type == "code" and _DEPLOYING.search(cell.source)]


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


def _add_live(error: ExecutionFailed, result: Path) -> ExecutionFailed:
    """Say so when a cell failed only after the deployment: it stays live."""
    if not result.exists():
        return error
    outcome = json.loads(result.read_text(encoding="utf-8"))
    if outcome.get("url") is None:
        return error
    what = "went live" if outcome["live"] else f"got a {outcome['beside']}"
    return ExecutionFailed(error.message, where=error.where, advice=f"{outcome['name']} {what} before that, at "
                           f"{outcome['url']}" + (f"; {error.advice}" if error.advice else ""))
