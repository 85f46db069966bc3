"""`nbdeploy build NOTEBOOK`: from a saved notebook to a proven image, and what is told meanwhile."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from containers import docker, running
from engine import BASE
from live_notebook import nbdeploy
from nbformat import v4, write

from jupyter_deploy.image.engine import Engine
from jupyter_deploy.targets.target import find_target

TAG = f"rated-{os.getpid()}:1"


def write_notebook(path: Path, *cells: tuple[str, list[str]]) -> Path:
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source, metadata={"tags": tags}) for source, tags in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "python3", "language": "python"}
    write(notebook, path)
    return path


RATED = (("rate = 2", ["parameters"]), ("def predict(x: int) -> int:\n    return x * rate", []), ("predict(20)", []))


def test_a_notebook_becomes_an_image(jupyter_folders: Path, tmp_path: Path, engine: Engine) -> None:
    path = write_notebook(tmp_path / "rated.ipynb", *RATED)
    done = nbdeploy("build", str(path), "--entry", "predict", "-p", "rate", "5", "--base", BASE, "--tag", TAG, "--json")
    assert done.returncode == 0, done.stderr
    try:
        outcome = json.loads(done.stdout)
        assert (outcome["reference"], outcome["name"], outcome["proof"]["equal"]) == (TAG, "rated", 1)
        assert find_target("local").status() == ()
        for stage in ("capture", "wheels", "environment", "service", "prove"):
            assert f"\n{stage} " in done.stderr
        with running(TAG) as container:
            assert container.ask("POST", "/predict", {"x": 4}) == (200, "20")
    finally:
        engine.remove_image(TAG)


def test_its_own_line_builds_and_no_cell_calls_what_is_not_live(jupyter_folders: Path, tmp_path: Path, engine: Engine) -> None:
    path = write_notebook(tmp_path / "rated.ipynb", ("%load_ext jupyter_deploy", []), *RATED,
                          ("endpoint = %deploy predict", []), ("endpoint.call(20)", []))
    done = nbdeploy("build", str(path), "--base", BASE, "--tag", TAG)
    assert done.returncode == 0, done.stderr
    engine.remove_image(TAG)


def test_a_notebook_that_has_no_such_entry_says_so(jupyter_folders: Path, tmp_path: Path, engine: Engine) -> None:
    path = write_notebook(tmp_path / "rated.ipynb", *RATED)
    done = nbdeploy("build", str(path), "--entry", "predikt", "--base", BASE, "--tag", TAG)
    assert done.returncode == 1
    assert "predikt" in done.stderr
    assert docker("images", "--quiet", TAG) == ""


def test_up_tells_each_stage_of_the_build(jupyter_folders: Path, tmp_path: Path, engine: Engine) -> None:
    name = f"told-{os.getpid()}"
    # Its state is like no other's: the layer with it cannot be there yet.
    path = write_notebook(tmp_path / "told.ipynb", (f"rates = [float({time.time_ns()} + n) for n in range(1000)]", []),
                          ("def predict(x: int) -> float:\n    return x * sum(rates)", []), ("predict(20)", []))
    done = nbdeploy("up", str(path), "--entry", "predict", "--target", "docker", "--base", BASE, "--name", name)
    try:
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        assert {"wheels", "environment", "content", "service", "start"} <= {line.split()[0] for line in lines}
        # The text is at most 60 characters in a line of columns; only a list of packages may be longer.
        assert any("compiling the runtime" in line for line in lines)
        image = docker("images", "--quiet", name)
        assert image
    finally:
        assert nbdeploy("rm", name).returncode == 0
    assert docker("images", "--quiet", name) == ""
