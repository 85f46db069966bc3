"""Every example notebook is run, proven and served by the real command, and its own last cell calls the endpoint."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from callers import post
from live_notebook import nbdeploy
from transcript import normalise, read_blocks

pytestmark = pytest.mark.usefixtures("deletes_deployments")

EXAMPLES = Path(__file__).parents[1] / "examples"
ENTRIES = {
    "churn": {"predict"},
    "reviews": {"sentiment"},
    "digits": {"read"},
    "prices": {"point", "interval"},
}
NOT_SERVED = {"matplotlib", "papermill", "ipython"}


def _up(notebook: Path, *arguments: str) -> dict[str, Any]:
    result = nbdeploy("up", str(notebook), "--json", *arguments)
    assert result.returncode == 0, result.stderr
    outcome: dict[str, Any] = json.loads(result.stdout)
    return outcome


def test_every_notebook_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(ENTRIES)


@pytest.mark.parametrize("name", ENTRIES)
def test_notebook_is_clean(name: str) -> None:
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert cell.cell_type != "code" or (cell.outputs == [] and cell.execution_count is None), cell.id


@pytest.mark.parametrize("name", ENTRIES)
def test_example_goes_live_proven(name: str, tmp_path: Path) -> None:
    if name == "digits" and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: python -m pip install torch")
    executed = tmp_path / "executed.ipynb"

    outcome = _up(EXAMPLES / f"{name}.ipynb", "--output", str(executed))

    assert outcome["proof"]["equal"] == outcome["proof"]["calls"] > 0
    assert outcome["warnings"] == []
    assert set(outcome["entries"]) == ENTRIES[name]
    assert not NOT_SERVED & {package["name"] for package in outcome["packages"]}
    last = nbformat.read(executed, as_version=4).cells[-1]
    assert last.outputs[0].output_type == "execute_result"
    for golden in sorted(Path(outcome["bundle"], "golden").glob("*.json")):
        call = json.loads(golden.read_bytes())
        assert post(f"{outcome['url']}/{golden.stem.rpartition('-')[0]}", call["request"]) == call["answer"]


def test_parameters_change_what_is_served() -> None:
    flat = {"area": 64.5, "rooms": 3, "built": 1998, "district": "harbour"}
    first = post(_up(EXAMPLES / "prices.ipynb")["url"] + "/point", flat)
    second = post(_up(EXAMPLES / "prices.ipynb", "-p", "trees", "5")["url"] + "/point", flat)
    assert first != second


def test_demo_works_twice_as_the_readme_shows(jupyter_folders: Path) -> None:
    shown = next(text for language, text in read_blocks(EXAMPLES.parent / "README.md") if language == "text")
    for _ in range(2):
        done = subprocess.run([sys.executable, EXAMPLES / "demo.py"], capture_output=True, text=True, timeout=120,
                              check=False, cwd=EXAMPLES.parent)
        assert done.returncode == 0, done.stderr
        told = {line.split()[0] for line in done.stderr.splitlines()}
        assert told <= {"capture", "compile", "requirements", "bundle", "start", "calls", "prove", "live"}
        assert normalise(done.stdout) == normalise(shown.removeprefix("$ make demo\n"))
        assert max(map(len, done.stdout.splitlines())) <= 120
