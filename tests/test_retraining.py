"""`nbdeploy up` on new data: parameters, recorded metrics, and the gate that a new version must pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_notebook import nbdeploy
from saved_notebook import write_notebook

from jupyter_deploy.targets.target import find_target

pytestmark = pytest.mark.usefixtures("deletes_deployments")

GATE = ("--promote-if", "deploy:test passes and auc >= previous - 0.01")
SCRAP = ("from IPython.display import display\n"
         "display({'application/scrapbook.scrap.json+json': {'name': 'rows', 'data': 7, 'encoder': 'json', 'version': 1}}, raw=True)")


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [("data = 'a.csv'\nauc = 0.9\npromised = True", ["parameters"]), ("import jupyter_deploy\njupyter_deploy.record('auc', auc)", []),
             (SCRAP, []), ("def predict(x: int) -> list:\n    return [x, data]", ["deploy:entry"]), ("predict(1)", []),
             ("assert predict(2) == [2, data] and promised", ["deploy:test"])]
    return write_notebook(tmp_path / "model.ipynb", *cells)


def test_settings_that_contradict_each_other_are_refused_before_anything_runs(notebook: Path) -> None:
    for more in ((), ("--entry", "predict")):
        refused = nbdeploy("up", str(notebook), *more, "--min", "3", "--max", "1")
        assert (refused.returncode, refused.stderr) == (2, "nbdeploy: --min 3 is more than --max 1\n  → exchange them\n")


def test_a_new_version_goes_live_only_if_it_is_good_enough(notebook: Path) -> None:
    first = nbdeploy("up", str(notebook), "-p", "data=--a.csv", *GATE)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "model is live at" in first.stdout
    assert "auc >= previous.auc - 0.01 holds: this is the first version" in first.stdout
    (live,) = find_target("local").status("model")
    assert live.versions[0].proof is not None
    assert live.versions[0].proof["metrics"] == {"auc": 0.9, "rows": 7}
    assert "auc 0.9, rows 7" in nbdeploy("show", "model").stdout
    (notebook.parent / "new.yaml").write_text("data: b.csv\nauc: 0.85\n")
    worse = nbdeploy("up", str(notebook), "-f", str(notebook.parent / "new.yaml"), "--json", *GATE)
    assert worse.returncode == 1, worse.stdout + worse.stderr
    told = json.loads(worse.stdout)
    assert (told["live"], told["gate"]["met"], told["gate"]["values"]) == (
        False, False, {"tests_pass": True, "auc": 0.85, "previous.auc": 0.9})
    assert find_target("local").status("model")[0].version == live.version
    failing = nbdeploy("up", str(notebook), "-p", "promised", "false", *GATE)
    assert failing.returncode == 1
    assert "model is not promoted, and what was live still is" in failing.stdout
    assert "gate: 1 of 1 deploy:test cells failed" in failing.stdout
    better = nbdeploy("up", str(notebook), "-p", "auc", "0.895", "-p", "data", "c.csv", "--json", *GATE)
    assert better.returncode == 0, better.stdout + better.stderr
    assert json.loads(better.stdout)["live"]
    assert [one.version for one in find_target("local").status("model")[0].versions][1] == live.version


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (("--promote-if", "auc >"), 2, "is not a condition"),
    (("--promote-if", "acu > 1"), 1, "the notebook recorded no acu; it recorded auc, rows"),
    (("-p", "auc"), 2, "wanted a name and a value"),
    (("-f", "missing.yaml"), 2, "cannot be read"),
])
def test_what_cannot_be_decided_is_told(arguments: tuple[str, ...], code: int, message: str, notebook: Path) -> None:
    done = nbdeploy("up", str(notebook), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert not find_target("local").status()
