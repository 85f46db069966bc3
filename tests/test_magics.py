"""`%deploy` in a real kernel: what it shows, what it refuses, and what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import threading
import time

import pytest
from callers import post
from live_notebook import CellFailed, LiveNotebook, nbdeploy

PREDICT = "def predict(x):\n    return x + 1"


def test_the_endpoint_shows_itself_and_answers(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", PREDICT, "predict(1)")
    shown = notebook.run("endpoint = %deploy predict --name adder\nendpoint")
    assert "adder" in shown
    assert "1 of 1 golden calls answered as in the notebook" in shown
    assert "curl http://127.0.0.1:" in shown
    url = notebook.value("endpoint.url")
    assert post(f"{url}/predict", {"x": 41}) == 42
    assert notebook.value("endpoint.call(1)") == 2
    assert notebook.value("endpoint.call(x=5)") == 6
    assert "href" in notebook.value("endpoint._repr_mimebundle_()['text/html']")


def wait_for_figures(notebook: LiveNotebook) -> None:
    end = time.monotonic() + 60
    while " request" not in notebook.run("print(repr(e.metrics()))"):
        assert time.monotonic() < end, "a call was made, and no sample tells of it"
        time.sleep(0.2)


def test_versions_roll_back_and_stop(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", PREDICT, "predict(1)", "e = %deploy predict --name two")
    url = notebook.value("e.url")
    notebook.run("def predict(x):\n    return x * 100", "predict(1)", "e = %deploy predict --name two")
    assert notebook.value("e.url") == url
    assert post(f"{url}/predict", {"x": 2}) == 200
    notebook.run("%deploy --rollback two")
    assert post(f"{url}/predict", {"x": 2}) == 3
    assert "two" in notebook.run("%deploy --list")
    wait_for_figures(notebook)
    notebook.run("%deploy --stop two")
    with pytest.raises(OSError, match="refused"):
        post(f"{url}/predict", {"x": 2})
    notebook.run("%deploy --start two")
    assert post(f"{url}/predict", {"x": 2}) == 3


def test_a_canary_is_tried_and_promoted_and_a_shadow_taken_away(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", PREDICT, "predict(1)", "e = %deploy predict --name trial")
    url = notebook.value("e.url")
    shown = notebook.run("def predict(x):\n    return x * 100", "predict(1)",
                         "e = %deploy predict --name trial --canary 50%\ne")
    assert "canary (50% of the requests), at http://" in shown
    assert re.search(r"live     [0-9a-f]{12}: 50% of the requests; 0 answered", shown)
    assert f"version  {notebook.value('e.version')}\nstate    live\nproof    {notebook.value('e.release.deployment.version')}: 1 of 1" in shown
    assert "nbdeploy promote trial, or nbdeploy abort trial" in shown
    assert "canary" in notebook.value("e._repr_mimebundle_()['text/html']")
    assert [post(f"{url}/predict", {"x": 2}) for _ in range(4)] == [3, 200, 3, 200]
    assert "at version" in nbdeploy("promote", "trial").stdout
    assert post(f"{url}/predict", {"x": 2}) == 200
    notebook.run("def predict(x):\n    return x * 100.5", "predict(1)", "e = %deploy predict --name trial --shadow")
    assert post(f"{url}/predict", {"x": 2}) == 200
    wait_for(notebook, "e.differences()", "201.0")
    wait_for(notebook, "e", "largest difference 1")  # figures are read once a second
    assert "largest difference 1" in nbdeploy("show", "trial").stdout
    assert "state    live" in notebook.run("%deploy --abort trial")
    shown = notebook.run("e")
    assert re.search(r"deployed [0-9a-f]{12} was taken away at ..:..:..: by hand \(", shown)
    assert f"version  {notebook.value('e.version')}\nstate    live" in shown
    assert "state    stopped" in notebook.run("e.stop(); e")
    assert "try" not in notebook.run("e")
    notebook.run("%deploy --start trial")
    with pytest.raises(CellFailed, match="no version is tried beside the live one of trial"):
        notebook.run("%deploy --promote trial")
    staged = notebook.run("import os\nos.environ['NBDEPLOY_DRY_RUN'] = '1'",
                             "e = %deploy predict --name fresh --canary 10%\ne", "del os.environ['NBDEPLOY_DRY_RUN']")
    assert "fresh (a dry run: nothing went live)" in staged  # and so needs no live version
    for options, message in (("--name other --canary 10%", "other has no live version"),
                             ("--name trial --shadow --port 9", "--host and --port cannot change"),
                             ("--name trial --shadow --api-key k", "one API key")):
        with pytest.raises(CellFailed, match=message):  # nothing of it is captured first
            notebook.run(f"%deploy no_such_function {options}")
    with pytest.raises(CellFailed, match="the target docker tries no version beside"):
        notebook.run("%deploy predict --name trial --target docker --canary 10%")


def wait_for(notebook: LiveNotebook, expression: str, text: str) -> None:
    end = time.monotonic() + 30
    while text not in notebook.execute(f"print({expression})"):
        assert time.monotonic() < end, f"{expression} does not tell {text}"
        time.sleep(0.2)


def test_a_cell_magic_serves_what_the_cell_defines(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy")
    shown = notebook.run("%%deploy --name cellwise --example 'triple(2)'\ndef triple(x):\n    return 3 * x")
    assert "1 of 1" in shown
    assert notebook.value("triple(3)") == 9


def test_dry_run_prints_everything_and_changes_nothing(notebook: LiveNotebook) -> None:
    notebook.run(
        "%load_ext jupyter_deploy",
        "table = list(range(1000))",
        "def predict(x: int):\n    return table[x]",
        "predict(1)",
    )
    shown = notebook.run("%deploy predict --dry-run --name dry")
    for part in ("POST /predict(x)", "table", "predict → table", "golden calls", "packages", "def predict(x: int)"):
        assert part in shown
    assert "dry" not in nbdeploy("ls").stdout


def test_the_document_gives_the_roles(notebook: LiveNotebook) -> None:
    notebook.run("base = 1")
    notebook.run("import math\nresource = math.pi", tags=["deploy:setup"])
    notebook.run("def area(r):\n    return base * resource * r * r", tags=["deploy:entry"])
    notebook.run("area(1)", tags=["deploy:example"])
    notebook.save()
    done = notebook.deploy("")
    assert (done["name"], done["calls"], done["equal"]) == ("notebook", 1, 1)
    assert "def _setup_1():" in done["service"]


def test_cells_to_include_and_to_skip(notebook: LiveNotebook) -> None:
    notebook.run("import decimal\ndecimal.getcontext().prec = 5", tags=["deploy:include"])
    notebook.run("def helper(x):\n    return x", tags=["deploy:skip"])
    notebook.run("def predict(x):\n    return float(decimal.Decimal(x) / 3)", "predict(1)")
    notebook.run("def lean(x):\n    return helper(x)", "lean(1)")
    notebook.save()
    done = notebook.deploy("predict")
    assert "decimal.getcontext().prec = 5" in done["service"]
    assert done["equal"] == 1
    with pytest.raises(CellFailed, match="tagged to be skipped"):
        notebook.deploy("lean")


def test_a_near_miss_of_a_role_is_an_error(notebook: LiveNotebook) -> None:
    notebook.run(PREDICT, tags=["deploy:entri"])
    notebook.save()
    with pytest.raises(CellFailed, match=r"cell 1[\s\S]*did you mean deploy:entry"):
        notebook.deploy("")


@pytest.mark.parametrize(
    ("cells", "line", "message"),
    [
        ((PREDICT,), "predict", "no golden call"),
        ((PREDICT, "predict(1)"), "predcit", "did you mean predict"),
        ((PREDICT, "predict(1)"), "predict --wrkers 2", "wrkers"),
        ((PREDICT, "predict(1)"), "predict --workers 0", "at least 1 worker"),
        ((PREDICT, "predict(1)"), "predict --target kubernets", "no target"),
        ((PREDICT, "predict(1)"), "predict --host 0.0.0.0", "API key"),
        ((PREDICT, "predict(1)"), "predict --name Bad_Name", "cannot name a deployment"),
        (("def predict(x):\n    return undefined_name", "1"), "predict --example 1", "undefined_name"),
        (
            (
                (
                    "import sqlite3\ndef open_it():\n    return sqlite3.connect(':memory:')\nc = open_it()\n"
                    "def predict(x):\n    return c"
                ),
                "1",
            ),
            "predict --example 1",
            r"c cannot go into the service[\s\S]*deploy:setup",
        ),
        (("def predict(x):\n    files = !ls\n    return x", "predict(1)"), "predict", "shell line"),
        (("def predict(x):\n    return object()", "predict(1)"), "predict", "cannot travel as JSON"),
        (("x = 1",), "x", "neither a function nor a model"),
        (("x = 1",), "", "nothing to deploy"),
    ],
)
def test_refusals_say_what_to_do(cells: tuple[str, ...], line: str, message: str, notebook: LiveNotebook) -> None:
    notebook.run(*cells)
    with pytest.raises(CellFailed, match=message) as failure:
        notebook.deploy(line)
    assert "Traceback" not in str(failure.value)
    assert "→" in str(failure.value)


def test_a_different_answer_blocks_the_release(notebook: LiveNotebook) -> None:
    notebook.run("import os", "def predict(x):\n    return os.getpid()", "predict(1)")
    with pytest.raises(CellFailed, match=r"0 of 1 golden call[\s\S]*predict \(cell \[") as failure:
        notebook.deploy("predict --name differs")
    assert "answer" in str(failure.value)
    assert "differs" not in nbdeploy("ls").stdout


def test_a_failed_release_leaves_the_running_version(notebook: LiveNotebook) -> None:
    notebook.run(PREDICT, "predict(1)")
    url = notebook.deploy("predict --name stays")["url"]
    notebook.run("import os", "def predict(x):\n    return os.getpid()", "predict(1)")
    with pytest.raises(CellFailed, match="0 of 1 golden calls equal"):
        notebook.deploy("predict --name stays")
    assert post(f"{url}/predict", {"x": 1}) == 2


def test_secrets_stay_out_of_the_bundle(notebook: LiveNotebook) -> None:
    notebook.run("API_TOKEN = 'abcdef-123456'", "def predict(x):\n    return len(API_TOKEN) + x", "predict(1)")
    done = notebook.deploy("predict --name secretive")
    assert "abcdef-123456" not in done["service"]
    assert 'API_TOKEN = _os.environ["API_TOKEN"]' in done["service"]
    assert done["equal"] == 1
    notebook.run(
        "settings = {'password': 'hunter2hunter2'}", "def predict(x):\n    return len(settings) + x", "predict(1)"
    )
    with pytest.raises(CellFailed, match=r"settings\['password'\] looks like a credential"):
        notebook.deploy("predict --name secretive")


def test_the_stale_guard_sees_edits_deletions_and_doubles(notebook: LiveNotebook) -> None:
    notebook.run(
        "def helper(x):\n    return x + 1",
        "def gone(x):\n    return x",
        "def predict(x):\n    return gone(helper(x))",
        "predict(1)",
    )
    notebook.cells[0].source = "def helper(x):\n    return x + 2"
    del notebook.cells[1]
    notebook.save()
    done = notebook.deploy("predict")
    assert any("was edited after it ran" in warning and "helper" in warning for warning in done["warnings"])
    assert any("no longer has the cell that defined gone" in warning for warning in done["warnings"])
    with pytest.raises(CellFailed, match="was edited after it ran"):
        notebook.deploy("predict --strict")


def test_a_file_that_was_saved_before_a_cell_ran_tells_nothing_of_it(notebook: LiveNotebook) -> None:
    notebook.run("")
    notebook.save()
    notebook.run("%load_ext jupyter_deploy\ndef helper(x):\n    return x + 1",
                 "def predict(x):\n    return helper(x)", "predict(1)")
    assert notebook.deploy("predict --strict")["warnings"] == []
    notebook.cells[1].source += " + 1"
    notebook.save()
    notebook.run("def predict(x):\n    return helper(x)", "predict(2)")
    (warning,) = notebook.deploy("predict")["warnings"]
    assert "helper" in warning
    assert "was edited after it ran" in warning


def test_running_from_the_top_would_give_another_definition(notebook: LiveNotebook) -> None:
    notebook.run("def helper(x):\n    return x", "def predict(x):\n    return helper(x)", "predict(1)")
    notebook.run("def helper(x):\n    return -x")
    notebook.cells.insert(0, notebook.cells.pop())
    notebook.save()
    done = notebook.deploy("predict")
    assert any("helper is defined more than once" in warning for warning in done["warnings"])


def test_two_captures_of_one_notebook_are_one_version(notebook: LiveNotebook) -> None:
    notebook.run(
        "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "X = np.random.default_rng(0).random((80, 4)); y = X[:, 0] > 0.5\nnames = {'b', 'a', 'c'}\n"
        "model = RandomForestClassifier(5, random_state=0).fit(X, y)",
        "def predict(rows: np.ndarray):\n    return [model.predict(rows), sorted(names)]",
        "predict(X[:2])",
    )
    first = notebook.deploy("predict --name same")
    second = notebook.deploy("predict --name same")
    assert first["version"] == second["version"]
    other = LiveNotebook(notebook.folder)
    try:
        other.run(*(cell.source for cell in notebook.cells))
        assert other.deploy("predict --name same")["version"] == first["version"]
    finally:
        other.close()


def test_golden_calls_leave_the_notebook_as_it_was(notebook: LiveNotebook) -> None:
    notebook.run(
        "%load_ext jupyter_deploy",
        "import numpy as np\nn = 0; log = []; seen = {}; total = np.zeros(2)\n"
        "class Counter:\n    calls = 0\ncounter = Counter()",
        "def predict(x: int):\n    global n\n    n += 1; log.append(x); seen[x] = n; total[0] += x; counter.calls += 1\n    return [n, len(log)]",
        "predict(5)",
    )
    before = "[n, log, seen, total.tolist(), counter.calls, id(log)]"
    was = notebook.value(before)
    assert was[:5] == [1, [5], {"5": 1}, [5.0, 0.0], 1]
    notebook.run("%deploy predict --dry-run")
    assert notebook.value(before) == was
    done = notebook.deploy("predict --name counting --example 'predict(6)'")
    assert (done["calls"], done["equal"]) == (2, 2)
    assert notebook.value(before) == was


def test_every_example_is_a_golden_call(notebook: LiveNotebook) -> None:
    notebook.run("from sklearn.dummy import DummyClassifier\nmodel = DummyClassifier().fit([[0.0]] * 3, [1, 1, 2])")
    examples = " ".join(f"--example {number}" for number in range(12))
    notebook.run("def predict_one(x: int):\n    return x")
    assert notebook.deploy(f"predict_one --name many {examples}")["calls"] == 12
    # Each of the model's two routes also gets what it was fitted on.
    assert notebook.deploy("model --name both --example '[[1.0]]'")["calls"] == 4
    assert notebook.deploy("model --name one --example 'model.predict([[1.0]])'")["calls"] == 3


def test_an_interrupt_leaves_nothing_behind(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", "import time\ndef predict(x):\n    time.sleep(60)\n    return x")
    timer = threading.Timer(2, os.kill, (notebook.manager.provisioner.pid, signal.SIGINT))
    timer.start()
    with pytest.raises(CellFailed, match="interrupted: nothing was deployed") as failure:
        notebook.run("%deploy predict --name stopped --example 1")
    timer.join()
    assert "Traceback" not in str(failure.value)
    assert "stopped" not in nbdeploy("ls").stdout


def test_an_entry_that_no_cell_calls_is_told_how(notebook: LiveNotebook) -> None:
    notebook.run("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
                 "def total(df: pd.DataFrame, by: str, factor=2) -> int:\n    return int(df[by].sum()) * factor")
    with pytest.raises(CellFailed, match=r"--example 'total\(df=df, by=…\)'"):
        notebook.deploy("total")
    assert notebook.deploy("total --example \"total(df=df, by='a')\"")["equal"] == 1
