"""`%deploy` in a notebook that papermill or nbconvert runs: no screen, no person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from live_notebook import nbdeploy
from saved_notebook import write_notebook

from jupyter_deploy.targets.target import find_target

pytestmark = pytest.mark.usefixtures("deletes_deployments")

LOAD = ("%load_ext jupyter_deploy", [])
ENTRY = ("rate = 2\ndef predict(x: int) -> int:\n    return x * rate", ["deploy:entry"])
CALL = ("predict(20)", [])
DEPLOY = ("endpoint = %deploy\nendpoint", [])
ASK = ("assert endpoint.call(4) == 8\nendpoint.stop()\n%deploy --rollback scored", [])
UNSTEADY = ("import time\ndef predict(x: int) -> float:\n    return x + time.time()", ["deploy:entry"])


def run(tool: str, notebook: Path, cwd: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[Any]]:
    """Run a notebook with a tool from `cwd`; gives the process and the outputs of all cells."""
    executed = notebook.with_name("executed.ipynb")
    given = os.path.relpath(notebook, cwd)
    if tool == "papermill":
        command = [tool, "--no-progress-bar", given, str(executed)]
    else:
        command = ["jupyter", "nbconvert", "--to", "notebook", "--execute", given, "--output", str(executed)]
    bin_ = Path(sys.executable).parent
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, cwd=cwd,
                          env={**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", **variables})
    outputs = [output for cell in json.loads(executed.read_text())["cells"] for output in cell.get("outputs", ())] \
        if executed.exists() else []
    return done, outputs


@pytest.mark.parametrize("tool", ["papermill", "nbconvert"])
def test_it_goes_live_and_shows_plain_text(tool: str, tmp_path: Path) -> None:
    """The tags are read from the file, though nobody tells the kernel which file it runs."""
    path = write_notebook(tmp_path / "nbs" / "scored.ipynb", LOAD, ENTRY, CALL, DEPLOY)
    write_notebook(tmp_path / "nbs" / "other.ipynb", LOAD, ENTRY)
    done, outputs = run(tool, path, tmp_path)
    assert done.returncode == 0, done.stderr
    status, = find_target("local").status()
    assert (status.name, status.state) == ("scored", "live")
    shown = next(output for output in outputs if output["output_type"] == "execute_result" and "html" in str(output))
    assert set(shown["data"]) == {"text/plain", "text/html"}
    assert "1 of 1 golden calls" in "".join(shown["data"]["text/plain"])


@pytest.mark.parametrize("tool", ["papermill", "nbconvert"])
def test_a_failed_proof_ends_the_run(tool: str, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "nbs" / "scored.ipynb", LOAD, UNSTEADY, CALL, DEPLOY, ("print('not reached')", []))
    done, outputs = run(tool, path, tmp_path)
    assert done.returncode != 0
    assert "does not answer what the notebook answered" in done.stderr
    assert "not reached" not in str(outputs)
    assert not find_target("local").status()


@pytest.mark.parametrize("tool", ["papermill", "nbconvert"])
def test_a_dry_run_does_all_but_going_live(tool: str, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "scored.ipynb", LOAD, ENTRY, CALL, DEPLOY, ASK)
    done, outputs = run(tool, path, tmp_path, NBDEPLOY_DRY_RUN="1")
    assert done.returncode == 0, done.stderr
    assert "a dry run: nothing went live" in str(outputs)
    assert "1 of 1 golden calls" in str(outputs)
    assert "--rollback scored is left out" in str(outputs)
    assert not find_target("local").status()


def test_a_dry_run_fails_where_a_deployment_would(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "scored.ipynb", LOAD, UNSTEADY, CALL, DEPLOY)
    done, _ = run("papermill", path, tmp_path, NBDEPLOY_DRY_RUN="1")
    assert done.returncode != 0
    assert "does not answer what the notebook answered" in done.stderr


def test_up_says_that_it_was_a_dry_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_notebook(tmp_path / "scored.ipynb", ENTRY, CALL)
    assert nbdeploy("up", str(path)).returncode == 0
    live, = find_target("local").status()
    monkeypatch.setenv("NBDEPLOY_DRY_RUN", "1")
    edited = write_notebook(tmp_path / "scored.ipynb", (ENTRY[0].replace("2", "3"), ENTRY[1]), CALL)
    done = nbdeploy("up", str(edited), "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["live"], outcome["url"], outcome["proof"]) == (False, None, {"calls": 1, "equal": 1})
    assert "scored could go live; it did not" in nbdeploy("up", str(edited)).stdout
    assert find_target("local").status()[0].version == live.version
