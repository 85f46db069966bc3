"""`nbdeploy check` as CI runs it: real kernels, real services, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from live_notebook import nbdeploy

from jupyter_deploy.targets.target import find_target

PARAMETERS = ("rate = 2", ["parameters"])
ENTRY = ("def predict(x: int) -> int:\n    return x * rate", ["deploy:entry"])
CALL = ("predict(20)", [])
TEST = ("assert predict(5) == 10\nassert endpoint.call(3) == 6", ["deploy:test"])
MODEL = """\
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

X = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [0.0, 1, 0, 1]})
y = np.array(["no", "no", "yes", "yes"])
model = LogisticRegression().fit(X, y)


def risk(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"a": rows["a"], "p": model.predict_proba(rows)[:, 1]})"""
SERVED = """\
found = risk(X.tail(1))
assert isinstance(found, pd.DataFrame) and found["p"].iloc[0] > 0.5
assert model.predict(X).tolist() == y.tolist()
assert model.coef_.shape == (1, 2)
try:
    risk("text")
except Exception as error:
    assert "rows" in str(error)
else:
    raise AssertionError("the service took text for a table")"""


@pytest.fixture(autouse=True)
def clean(jupyter_folders: Path) -> Iterator[None]:
    yield
    assert not find_target("local").status()  # nothing went live


def write_notebook(path: Path, *cells: tuple[str, list[str]], language: str = "python", kernel: str = "python3") -> Path:
    notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("# About"),
        *(nbformat.v4.new_code_cell(source, metadata={"tags": tags}) for source, tags in cells)])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": language}
    nbformat.write(notebook, path)
    return path


def read_json(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text(encoding="utf-8"))
    return {Path(check["title"].partition(" ")[0]).stem: check for check in found["checks"]}


def codes(check: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(one["code"], one["cell"]) for one in check["findings"]]


def test_a_contract_is_recorded_held_and_broken(tmp_path: Path) -> None:
    rate = write_notebook(tmp_path / "rate.ipynb", PARAMETERS, ENTRY, CALL, TEST)
    both = write_notebook(tmp_path / "both.ipynb", (MODEL, []), ("risk(X.head(2))", []),
                          ("endpoint = %deploy risk model --name both\nendpoint.stop()", []), (SERVED, ["deploy:test"]))
    before = rate.read_bytes()
    done = nbdeploy("check", str(rate), str(both), "--update", "--jobs", "2", "--json", str(tmp_path / "r.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert rate.read_bytes() == before
    found = read_json(tmp_path / "r.json")
    assert (found["rate"]["tests"][0]["result"], found["both"]["tests"][0]["result"]) == ("passed", "passed")
    contract = json.loads((tmp_path / "both.contract.json").read_text())
    assert contract["classes"] == {"model": ["no", "yes"]}
    assert sorted(contract["entries"]) == ["predict", "predict_proba", "risk"]
    (tmp_path / "rate.x.ipynb").write_bytes(before)

    write_notebook(both, (MODEL.replace('"b"', '"c"').replace('["no", "no"', '["no", "may"'), []), ("risk(X.head(2))", []),
                   ("endpoint = %deploy risk model --name both", []))
    done = nbdeploy("check", str(rate), str(both), "--p95", "1us", "--jobs", "2", "--output", str(tmp_path / "out"),
                    *(part for kind in ("json", "junit", "markdown", "html") for part in (f"--{kind}", str(tmp_path / f"r.{kind}"))))
    assert done.returncode == 1, done.stdout + done.stderr
    found = read_json(tmp_path / "r.json")
    assert codes(found["rate"]) == [("over-budget", None)]
    texts = [one["message"] for one in found["both"]["findings"] if one["code"] == "breaking-change"]
    assert 'classes of model: "may" added' in texts
    assert "risk(rows[].b): field removed; is it c now?" in texts
    assert (tmp_path / "out" / "both.ipynb").exists()
    assert "FAILED  " in done.stdout
    for kind in ("junit", "markdown", "html"):
        assert "is it c now?" in (tmp_path / f"r.{kind}").read_text()


def test_against_what_is_live_and_answers_that_moved(tmp_path: Path) -> None:
    rate = write_notebook(tmp_path / "rate.ipynb", PARAMETERS, ENTRY, CALL)
    outcome = json.loads(nbdeploy("up", str(rate), "--json", "--api-key", "s3cret").stdout)
    done = nbdeploy("check", str(rate), "--against", outcome["url"])
    assert done.returncode == 2, done.stdout + done.stderr
    assert "give its key with --api-key" in done.stderr
    for source in (outcome["url"], outcome["bundle"]):
        done = nbdeploy("check", str(rate), "-p", "rate=3", "--against", source, "--api-key", "s3cret")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "+20 (+50.00%)" in done.stdout
    done = nbdeploy("check", str(rate), "-p", "rate", "3", "--against", outcome["url"], "--max-drift", "50%", "--api-key", "s3cret")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(nbdeploy("ls", "--json").stdout)[0]["version"] == outcome["version"]
    assert nbdeploy("rm", "rate").returncode == 0


def test_what_falls_short_is_found_and_kept(tmp_path: Path) -> None:
    cases = {
        "failing": (PARAMETERS, ENTRY, CALL, ("print('before')\n1 / 0", [])),
        "dying": (PARAMETERS, ENTRY, ("import os\nos._exit(3)", [])),
        "hanging": (PARAMETERS, ENTRY, ("import time\ntime.sleep(600)", [])),
        "random": (("import random", []), (ENTRY[0].replace("rate", "random.random()"), ENTRY[1]), CALL),
        "expected": (PARAMETERS, ENTRY, CALL, ("1 / 0", ["raises-exception"]), ("assert predict(1) == 3", ["deploy:test"])),
        "stale": (("rate = 2", []), ENTRY, CALL),
    }
    for name, cells in cases.items():
        write_notebook(tmp_path / f"{name}.ipynb", *cells)
    document = nbformat.read(tmp_path / "stale.ipynb", as_version=4)
    document.cells[-1].execution_count = 3
    document.cells[-1].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "60"}, execution_count=3)]
    nbformat.write(document, tmp_path / "stale.ipynb")
    write_notebook(tmp_path / "other.ipynb", ("x <- 1", []), language="R", kernel="ir")
    write_notebook(tmp_path / "kernel.ipynb", ENTRY, kernel="nosuchkernel")
    (tmp_path / "text.ipynb").write_text("hello")
    (tmp_path / "format.ipynb").write_text(json.dumps({"nbformat": 9, "nbformat_minor": 0, "metadata": {}, "cells": []}))
    write_notebook(tmp_path / "damaged.ipynb", ("x = 1", []))
    (tmp_path / "damaged.contract.json").write_text('{"format": 1')
    names = [*cases, "other", "kernel", "text", "format", "missing", "damaged"]
    report = tmp_path / "r.json"
    done = nbdeploy("check", *(str(tmp_path / f"{name}.ipynb") for name in names), "--json", str(report),
                    "--cell-timeout", "15", "--jobs", "3", "--output", str(tmp_path / "out"))
    assert done.returncode == 1, done.stdout + done.stderr
    found = read_json(report)
    expected = {
        "failing": ("execution-failed", "cell 5"), "dying": ("execution-failed", "cell 4"),
        "hanging": ("execution-failed", "cell 4"), "random": ("non-deterministic", None), "expected": ("test-failed", "cell 6"),
        "other": ("not-runnable", None), "kernel": ("not-runnable", None),
        "text": ("not-runnable", None), "format": ("not-runnable", None), "missing": ("not-runnable", None),
    }
    assert {name: codes(found[name])[0] for name in expected} == expected
    assert codes(found["stale"])[:3] == [("not-run", "cell 2"), ("not-run", "cell 3"), ("stale-output", "cell 4")]
    assert [code for code, _ in codes(found["damaged"])] == ["contract-damaged", "not-deployable"]
    assert "ZeroDivisionError" in found["failing"]["findings"][0]["message"]
    assert "before" in (tmp_path / "out" / "failing.ipynb").read_text()
    assert all((tmp_path / "out" / f"{name}.ipynb").exists() for name in cases)


@pytest.mark.parametrize(("arguments", "message"), [
    (("-p", "rat", "5"), "no parameter rat"),
    (("--max-drift", "much"), "wanted how far"),
    (("--p95", "fast"), "wanted a number with a unit"),
    (("--jobs", "0"), "at least 1"),
    (("--against", "nosuchref"), "git says"),
    (("--update", "--against", "HEAD"), "only one of them"),
    (("--output", "rate.ipynb/out"), "cannot be kept"),
    (("-f", "missing.yaml"), "cannot be read"),
    (("--requirements", "missing.txt"), "cannot be read"),
    (("--image-size", "small"), "wanted a number with a unit"),
    (("--against", "HEAD", "--api-key", "$NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE is not set"),
])
def test_wrong_use(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    write_notebook(tmp_path / "rate.ipynb", PARAMETERS, ENTRY, CALL)
    done = nbdeploy("check", "rate.ipynb", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    write_notebook(tmp_path / "hanging.ipynb", ("open('runs', 'w').close()\nimport time\ntime.sleep(600)", []))
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, "-m", "jupyter_deploy", "check", "hanging.ipynb"], cwd=tmp_path, text=True,
                               stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(folder)},
                               # Where the tests run in the background, they were started with Ctrl-C ignored.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    end = time.monotonic() + 120
    while not (tmp_path / "runs").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    assert not list(folder.iterdir())
    listed = subprocess.run(["ps", "-ww", "-e", "-o", "command="], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in listed
