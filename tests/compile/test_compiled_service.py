"""A service with a compiled model: live, in its carved environment, with the notebook's answers."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from live_notebook import LiveNotebook

from jupyter_deploy.runtime.manifest import read_manifest

CANCER = """\
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
rows, labels = load_breast_cancer(return_X_y=True)"""
W1 = ("w1 = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)",
      "def diagnose(row: list[float]) -> float:\n    return float(w1.predict_proba([row])[0, 1])",
      "diagnose(rows[0].tolist())")
W2 = ("w2 = RandomForestClassifier(200, random_state=0).fit(rows, labels)",
      "def classify(table: np.ndarray) -> np.ndarray:\n    return w2.predict_proba(table)", "classify(rows[:3])")
W3 = ("w3 = GradientBoostingClassifier(n_estimators=200, random_state=0).fit(rows, labels)",
      "def score(row: np.ndarray) -> float:\n    return float(w3.predict_proba(row.reshape(1, -1))[0, 1])",
      "score(rows[0])")
LOOK = """\
def look(module: str) -> str:
    import importlib
    try:
        importlib.import_module(module)
    except ImportError as error:
        return str(error)
    return "here"
"""


def ask(done: dict[str, Any], entry: str, body: Any) -> tuple[int, Any]:
    request = urllib.request.Request(f"{done['url']}/{entry}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def compiled_of(done: dict[str, Any]) -> dict[str, Any]:
    return {item.name: item.compiled for item in read_manifest(Path(done["folder"])).state}


@pytest.mark.parametrize(("cells", "entry", "form"), [
    (W1, "diagnose", "NumPy"), (W2, "classify", "ONNX Runtime"), (W3, "score", "ONNX Runtime"),
], ids=["W1", "W2", "W3"])
def test_the_framework_is_left_out_and_answers_stay(
    cells: tuple[str, ...], entry: str, form: str, notebook: LiveNotebook
) -> None:
    notebook.run(CANCER, *cells, LOOK, "look('json')")
    done = notebook.deploy(f"{entry} look")
    assert done["equal"] == done["calls"]
    assert re.search(rf"compile +{cells[0][:2]} \d+x faster, {'equal' if form == 'ONNX Runtime' else '(equal|within)'}", done["output"])
    assert not {"scikit-learn", "scipy", "joblib"} & set(done["packages"])
    assert ("onnxruntime" in done["packages"]) == (form == "ONNX Runtime")
    assert re.search(r"\d left out", done["output"])
    for module in ("sklearn", "scipy", "joblib"):
        assert ask(done, "look", {"module": module}) == (200, f"No module named '{module}'")
    compiled = compiled_of(done)[cells[0][:2]]
    assert (compiled.form, compiled.rtol == 0) == (form, form == "ONNX Runtime")
    name = {"diagnose": "row", "classify": "table", "score": "row"}[entry]
    for place in range(5):
        body = {name: notebook.value(f"rows[{place}].tolist()" if name == "row" else f"rows[{place}:{place + 2}].tolist()")}
        live = notebook.value(f"np.asarray({entry}(" + (f"rows[{place}]" if name == "row" else
                                                        f"rows[{place}:{place + 2}]") + ")).tolist()")
        status, answer = ask(done, entry, body)
        assert status == 200
        assert answer == pytest.approx(live, rel=1e-12) if form == "NumPy" else answer == live
    messages = notebook.value("[one['message'] for one in _endpoint.logs()]")
    assert any(f"{entry} answers requests together" in message for message in messages), messages
    status, _ = ask(done, entry, {name: [1.0] if name == "row" else [[1.0]]})
    assert status in (422, 500)


def test_a_compiled_model_wakes_as_a_copy_and_reports_nothing(notebook: LiveNotebook, tmp_path: Path) -> None:
    home = tmp_path / "home"
    # Where it takes this for a test, ONNX Runtime reports nothing by itself.
    notebook.run(f"import os\nos.environ['HOME'] = os.environ['XDG_CACHE_HOME'] = {str(home)!r}\nos.environ.pop('CI', None)")
    home.mkdir()
    notebook.run(CANCER, *W2)
    done = notebook.deploy("classify --min 0 --max 1 --idle 0.5")
    assert done["state"] == {"w2": "compiled"}
    events = "[event['text'] for event in _endpoint.status.events if event['kind'] == %r]"
    assert notebook.value(events % "starts") == ["workers are forked from a warm parent"]
    for place in range(3):
        while notebook.value("_endpoint.status.state") != "asleep":
            time.sleep(0.1)
        body = notebook.value(f"rows[{place}:{place + 3}].tolist()")
        assert ask(done, "classify", {"table": body}) == (200, notebook.value(f"classify(rows[{place}:{place + 3}]).tolist()"))
    assert all("forked" in text for text in notebook.value(events % "woken"))
    assert not list(home.rglob("*onnxruntime*"))


def test_exact_serves_models_as_they_are(notebook: LiveNotebook) -> None:
    notebook.run(CANCER, *W1)
    done = notebook.deploy("diagnose --exact")
    assert done["state"] == {"w1": "pickle"}
    assert "scikit-learn" in done["packages"]
    assert "compile" not in done["output"]
    assert compiled_of(done) == {"w1": None}
    compiled = notebook.deploy("diagnose")
    assert compiled["state"] == {"w1": "compiled"}
    assert compiled["version"] != done["version"]
    assert notebook.deploy("diagnose")["version"] == compiled["version"], "same capture, same bytes"


@pytest.mark.parametrize(("code", "why"), [
    ("def diagnose(row: list[float]) -> float:\n    return float(w1.predict_proba([row])[0, 1] * w1[-1].coef_[0, 0])",
     "uses it in another way: w1[-1]"),
    ("def diagnose(row: list[float]) -> float:\n    return ask(w1, row)\n\ndef ask(model, row):\n    return float(model.predict([row])[0])",
     "uses it in another way: ask(w1, row)"),
], ids=["attribute", "argument"])
def test_a_model_that_is_used_in_other_ways_stays(code: str, why: str, notebook: LiveNotebook) -> None:
    notebook.run(CANCER, W1[0], code, W1[2])
    done = notebook.deploy("diagnose")
    assert "w1 stays as it is: cell" in done["output"]
    assert why in done["output"]
    assert done["state"]["w1"] == "pickle"
    assert "scikit-learn" in done["packages"]


def test_a_second_model_keeps_the_framework(notebook: LiveNotebook) -> None:
    notebook.run(CANCER, W1[0], W2[0],
                 "def both(row: list[float]) -> float:\n"
                 "    return float(w1.predict_proba([row])[0, 1] + w2.score([row], [1]))", "both(rows[0].tolist())")
    done = notebook.deploy("both")
    assert done["state"] == {"w1": "compiled", "w2": "pickle"}
    assert "scikit-learn" in done["packages"]


def test_without_onnxruntime_trees_stay_and_the_extra_is_named(notebook: LiveNotebook) -> None:
    notebook.run("import sys\nsys.modules['onnxruntime'] = None\n" + CANCER, *W1, *W2)
    done = notebook.deploy("diagnose classify")
    assert done["state"] == {"w1": "compiled", "w2": "pickle"}
    assert ("w2 stays as it is: that takes onnxruntime, which is not installed: pip install 'nbdeploy[compile]'"
            in done["output"])


def test_what_falls_short_in_the_clean_environment_goes_live_as_it_is(notebook: LiveNotebook) -> None:
    notebook.run(CANCER, W1[0],
                 "def digits(row: list[float]) -> str:\n"
                 "    import sys\n"
                 "    return repr(type(w1.predict_proba([row])[0, 1])) + str('sklearn' in sys.modules)",
                 "digits(rows[0].tolist())")
    done = notebook.deploy("digits")
    assert done["state"] == {"w1": "pickle"}
    assert "w1 stays as it is: the service with it failed" in done["output"]
    assert done["equal"] == done["calls"]


def test_the_report_tells(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", CANCER, *W2)
    shown = notebook.execute("%deploy classify --dry-run")
    assert "models:\n  w2: compiled (ONNX Runtime), equal to the last bit on 512 rows" in shown
    assert "left out: cloudpickle, joblib" in shown or "left out: joblib" in shown


def test_a_pytorch_module_answers_through_onnx_runtime(notebook: LiveNotebook) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    notebook.run("import numpy as np\nimport torch\nfrom torch import nn\ntorch.manual_seed(0)\n"
                 "layers = [layer for _ in range(24) for layer in (nn.Linear(64, 64), nn.ReLU())]\n"
                 "net = nn.Sequential(nn.Conv1d(1, 16, 5), nn.ReLU(), nn.Flatten(), nn.Linear(416, 64), nn.ReLU(), "
                 "*layers, nn.Linear(64, 2), nn.Softmax(dim=1)).eval()\nrows = np.random.default_rng(0).normal(size=(4, 30))",
                 "def judge(table: np.ndarray) -> list[float]:\n    with torch.no_grad():\n"
                 "        chances = net(torch.tensor(table, dtype=torch.float32).unsqueeze(1))\n"
                 "    return chances[:, 1].tolist()", "judge(rows)")
    done = notebook.deploy("judge")
    assert done["equal"] == done["calls"]
    assert done["state"] == {"net": "compiled"}, done["output"]
    assert compiled_of(done)["net"].form == "ONNX Runtime"
    assert {"torch", "numpy"} <= set(done["packages"])
    for many in (1, 4):
        status, answer = ask(done, "judge", {"table": notebook.value(f"rows[:{many}].tolist()")})
        assert status == 200
        assert answer == pytest.approx(notebook.value(f"judge(rows[:{many}])"), rel=1e-4, abs=1e-5)
