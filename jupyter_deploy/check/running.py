"""Running one notebook and staging its deployment: from a job to the evidence.

Each job has a process of its own, `python -m jupyter_deploy.check`: kernels, time-outs and Ctrl-C of one do not touch
another, and whatever it started ends with it.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_deploy.check.arrangement import FINISH, arrange, is_test
from jupyter_deploy.check.evidence import CellTest, Evidence, Failure, StaleOutput
from jupyter_deploy.check.job import Job
from jupyter_deploy.document import NOTEBOOK
from jupyter_deploy.errors import DeployError, UsageError
from jupyter_deploy.execution import load_document
from jupyter_deploy.magics import CHECK, OVERRIDES
from jupyter_deploy.notebook import Notebook, read_document, read_notebook
from jupyter_deploy.unattended import Run, environment, execute

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_ARROW = re.compile(r"^-+> \d+ (.*)$", re.MULTILINE)
_KEPT = re.compile(r"(; )?the executed notebook is .*$")
_LABEL = re.compile(r"cell \[(\d+)\]")


def run_job(job: Job) -> Evidence:
    """Run the notebook, stage its service, run its test cells; whatever falls short is part of the evidence."""
    started = time.perf_counter()
    run = Run(Path(job.notebook), job.parameters, Path(job.output), job.kernel, start_timeout=job.start_timeout,
              cell_timeout=job.cell_timeout)
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as folder:
        outcome = Path(folder) / "outcome.json"
        order = {"outcome": str(outcome), "golden": job.golden, "seconds": job.seconds}
        variables = {NOTEBOOK: str(run.notebook.resolve()), CHECK: json.dumps(order),
                     OVERRIDES: json.dumps(job.overrides)}
        failure = None
        try:
            document = arrange(load_document(run), job.entries, FINISH)
            with environment(variables):
                execute(document, run, Path(job.output))
        except DeployError as error:
            advice = _KEPT.sub("", error.advice or "") or None  # the check itself says where it is
            failure = Failure(type(error).__name__, error.message, error.where, advice, isinstance(error, UsageError))
        said = json.loads(outcome.read_text(encoding="utf-8")) if outcome.exists() else {}
    return _collect(job, failure, said, time.perf_counter() - started)


def _collect(job: Job, failure: Failure | None, said: Mapping[str, Any], seconds: float) -> Evidence:
    """Gather what the kernel wrote and what the executed notebook shows, with cells as the document counts them."""
    import nbformat

    executed = Path(job.output)
    if not executed.exists():
        return Evidence((failure,) if failure is not None else (), (), (), (), None, seconds)
    cells = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    notebook = read_notebook(Path(job.notebook))
    positions = _find_positions(cells, notebook)
    numbers = {str(cell.execution_count): positions[index] for index, cell in enumerate(cells) if index in positions}
    failures = tuple(Failure(**_relabel(dataclasses.asdict(one), numbers)) for one in _list_failures(failure, said))
    services = tuple(_relabel(said.get("services", []), numbers))
    tests = [_read_test(cell, positions[index]) for index, cell in enumerate(cells)
             if index in positions and is_test(cell)]
    stale = [] if job.parameters else _find_stale(job, cells, positions, services)
    return Evidence(failures, services, tuple(tests), tuple(stale), str(executed), seconds)


def _list_failures(failure: Failure | None, said: Mapping[str, Any]) -> list[Failure]:
    """Give what fell short in the kernel, also where the notebook caught it, and what stopped the notebook."""
    found = [Failure(**one) for one in said.get("failures", ())]
    if failure is not None:
        # That of a %deploy line is told by the kernel, with more to it.
        known = any(failure.message.startswith(one.message) for one in found)
        return found if known else [*found, failure]
    if not found and not said.get("services"):
        return [Failure("CaptureError", "the notebook ran, but nothing was deployed", None,
                        "add %deploy NAME to it, tag a cell deploy:entry, or say --entry NAME")]
    return found


def _find_positions(cells: list[Any], notebook: Notebook) -> dict[int, int]:
    """Map the executed code cells, by their index, to their places in the author's document."""
    left = list(notebook.cells)
    found = {}
    for index, cell in enumerate(cells):
        own = next((one for one in left if one.source == cell.source and one.id in ("", cell.id)), None)
        if own is not None:
            left.remove(own)
            found[index] = own.position
    return found


def _relabel(value: Any, numbers: Mapping[str, int]) -> Any:
    """Write `cell 11` for `cell [8]` in all text, without colours: what ran as the eighth is the document's 11th."""
    if isinstance(value, str):
        text = _COLOUR.sub("", value)
        return _LABEL.sub(lambda match: f"cell {numbers[match[1]]}" if match[1] in numbers else match[0], text)
    if isinstance(value, list):
        return [_relabel(one, numbers) for one in value]
    return {key: _relabel(one, numbers) for key, one in value.items()} if isinstance(value, dict) else value


def _read_test(cell: Any, position: int) -> CellTest:
    error = next((output for output in cell.outputs if output.output_type == "error"), None)
    title = next((line for line in cell.source.splitlines() if line.strip()), "")
    if error is not None:
        traceback = _COLOUR.sub("", "\n".join(error.traceback))
        line = next(iter(_ARROW.findall(traceback)), "").strip()  # a bare assert says nothing but where it stands
        message = f"{error.ename}: {error.evalue or line}".rstrip(": ")
        return CellTest(f"cell {position}", title, "failed", message, traceback)
    return CellTest(f"cell {position}", title, "passed" if cell.execution_count else "not run")


def _find_stale(job: Job, cells: list[Any], positions: Mapping[int, int],
                services: Sequence[Mapping[str, Any]]) -> list[StaleOutput]:
    """Compare the saved outputs of the services' cells, and of their golden calls', with what they give now."""
    saved = read_document(Path(job.notebook))["cells"]
    telling = {cell for one in services for cell in one["cells"]}
    telling |= {call["source"].partition(":")[0] for one in services for call in one["golden"]}
    found = []
    for index, position in positions.items():
        place = f"cell {position}"
        if place not in telling or position > len(saved) or not saved[position - 1].get("execution_count"):
            continue
        before, now = _read_outputs(saved[position - 1].get("outputs", ())), _read_outputs(cells[index].outputs)
        if before != now:
            found.append(StaleOutput(place, before, now))
    return found


def _read_outputs(outputs: Any) -> str:
    """Give the text of a cell's outputs, as far as it is the same every time."""
    texts = []
    for output in outputs:
        text = output.get("text") if output["output_type"] == "stream" else output.get("data", {}).get("text/plain")
        if text is not None and output.get("name") != "stderr":
            texts.append(text if isinstance(text, str) else "".join(text))
    return _ADDRESS.sub("0x…", "".join(texts)).strip()
