"""What `nbdeploy check` must not let pass, and must not stumble over: real kernels, one command for many notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from live_notebook import nbdeploy
from saved_notebook import write_notebook

from jupyter_deploy.targets.target import find_target

RANDOM = ("import random\ndef predict(x: int) -> float:\n    return x * random.random()", [])
TWO = ("""\
count = 0
def double(x: int) -> int:
    return 2 * x
def step(x: int) -> int:
    global count
    count += x
    return count""", [])
CALLS = ("double(4)\nstep(3)", [])


@pytest.fixture(autouse=True)
def clean(jupyter_folders: Path) -> Iterator[None]:
    yield
    assert not find_target("local").status()  # nothing went live


def check(folder: Path, *arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]], str]:
    notebooks = sorted(path.name for path in folder.glob("*.ipynb"))
    done = nbdeploy("check", *notebooks, "--jobs", "2", "--json", "r.json", *arguments, cwd=folder)
    assert "Traceback" not in done.stderr
    checks: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads((folder / "r.json").read_text())["checks"]:
        checks.setdefault(Path(one["notebook"]).stem, []).append(one)
    return done.returncode, checks, done.stdout


def codes(one: dict[str, Any], *severities: str) -> list[tuple[str, str | None]]:
    return [(finding["code"], finding["cell"]) for finding in one["findings"] if finding["severity"] in (severities or ("error",))]


def test_a_failed_proof_fails_whatever_its_cell_makes_of_it(tmp_path: Path) -> None:
    write_notebook(tmp_path / "caught.ipynb", RANDOM, ("predict(2)", []),
          ("try:\n    get_ipython().run_line_magic('deploy', 'predict')\nexcept Exception:\n    pass", []))
    write_notebook(tmp_path / "expected.ipynb", RANDOM, ("predict(2)", []), ("%deploy predict", ["raises-exception"]))
    write_notebook(tmp_path / "stale.ipynb", ("def scale(x):\n    return x", []), ("def scale(x):\n    return 2 * x", []),
          ("def predict(x: int) -> int:\n    return scale(x)", ["deploy:entry"]), ("_ = predict(2)\nif not _:\n    !pip install six", []), counted=True)
    document = nbformat.read(tmp_path / "stale.ipynb", as_version=4)
    document.cells[1].execution_count = None
    nbformat.write(document, tmp_path / "stale.ipynb")
    code, found, _ = check(tmp_path)
    assert code == 1
    assert codes(found["caught"][0]) == codes(found["expected"][0]) == [("non-deterministic", None)]
    (stale,) = found["stale"]
    assert stale["passed"]
    # `redefined-name`, which the kernel tells, is not told once more.
    assert codes(stale, "warning") == [("not-run", "cell 2"), ("defined-twice", "cell 2, line 1"), ("unpinned", "cell 4, line 3")]


def test_every_deploy_line_is_checked_and_what_was_not_measured_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploys = ("%deploy double --name doubles\n%deploy step --name steps", [])
    write_notebook(tmp_path / "two.ipynb", TWO, CALLS, deploys, ("assert double(5) == 10\nassert endpoint.name == 'steps'", ["deploy:test"]))
    code, found, said = check(tmp_path, "--update")
    assert code == 0, said
    assert [(one["name"], one["title"]) for one in found["two"]] == [("doubles", "two.ipynb → doubles"), ("steps", "two.ipynb → steps")]
    contract = json.loads((tmp_path / "two.contract.json").read_text())
    assert [list(one["entries"]) for one in contract["services"]] == [["double"], ["step"]]
    write_notebook(tmp_path / "two.ipynb", (TWO[0].replace("2 * x", "3 * x"), []), CALLS, deploys)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    code, found, said = check(tmp_path, "--p95", "10s", "--memory", "10GB", "--image-size", "9GB")
    assert code == 1
    doubles, steps = found["two"]
    assert codes(doubles) == [("answers-moved", None), ("unmeasured", None)]
    assert "its image was not measured: " in said
    assert codes(steps) == [("unmeasured", None), ("unmeasured", None)]
    assert "step was not measured: it changes globals" in said
    assert steps["memory"] is None or 10e6 < steps["memory"] < 300e6
    # What is recorded anew is shown; and nothing is, where something else falls short.
    before = (tmp_path / "two.contract.json").read_text()
    code, found, _ = check(tmp_path, "--update", "--p95", "10s")
    assert (code, (tmp_path / "two.contract.json").read_text()) == (1, before)
    assert codes(found["two"][0], "note") == [("answers-moved", None), ("not-recorded", None)]
    code, found, said = check(tmp_path, "--update")
    assert (code, codes(found["two"][0], "note")) == (0, [("answers-moved", None)]), said
    assert json.loads((tmp_path / "two.contract.json").read_text())["services"][0]["golden"][0]["answer"] == 12


def test_what_is_no_notebook_is_told_in_a_sentence(tmp_path: Path, jupyter_folders: Path) -> None:
    spec = jupyter_folders / "data" / "kernels" / "gone"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["/nowhere/python", "-m", "ipykernel_launcher"], "display_name": "gone",
                                                  "language": "python"}))
    entry = ("def predict(x: int) -> int:\n    return 2 * x", ["deploy:entry"])
    write_notebook(tmp_path / "gone.ipynb", entry, kernel="gone")
    raw = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": 5}
    (tmp_path / "number.ipynb").write_text(json.dumps({**raw, "cells": [cell]}))
    (tmp_path / "string.ipynb").write_text(json.dumps({**raw, "cells": ["predict(2)"]}))
    (tmp_path / "tags.ipynb").write_text(json.dumps({**raw, "cells": [{**cell, "source": "", "metadata": {"tags": 5}}]}))
    (tmp_path / "nameless.ipynb").write_text(json.dumps({**raw, "cells": [{**cell, "source": entry[0]}]}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"kernelspec": kernel}, "worksheets": [{"metadata": {}, "cells": [
        {"cell_type": "code", "language": "python", "metadata": {}, "outputs": [], "collapsed": False, "prompt_number": number,
         "input": source} for number, source in enumerate((entry[0], "predict(20)"), start=1)]}]}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    code, found, said = check(tmp_path, "--entry", "predict")
    assert code == 1
    assert found["old"][0]["passed"], found["old"][0]["findings"]
    assert {name: codes(one[0])[0][0] for name, one in found.items() if name != "old"} == {
        "gone": "execution-failed", "nameless": "not-runnable", "number": "not-runnable", "string": "not-runnable", "tags": "not-runnable"}
    assert "/nowhere/python" in said


def test_reports_that_cannot_be_written_are_told_before_anything_runs(tmp_path: Path) -> None:
    write_notebook(tmp_path / "n.ipynb", ("open('ran', 'w').close()", []))
    (tmp_path / "file").write_text("")
    done = nbdeploy("check", "n.ipynb", "--json", "file/r.json", "--junit", "r.xml", cwd=tmp_path)
    assert done.returncode == 2
    assert "--json file/r.json: the report cannot be written" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "n.ipynb"]
