"""`nbdeploy up` and the other verbs, run as a person or CI would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from callers import post
from live_notebook import nbdeploy
from saved_notebook import write_notebook

pytestmark = pytest.mark.usefixtures("deletes_deployments")

PARAMETERS = ("rate = 2", ["parameters"])
ENTRY = ("def predict(x: int) -> int:\n    return x * rate", ["deploy:entry"])
CALL = ("predict(20)", [])


def test_up_prints_one_json_object_and_the_verbs_steer(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "Rate Model.ipynb", PARAMETERS, ENTRY, CALL)
    before = path.read_bytes()
    done = nbdeploy("up", str(path), "-p", "rate", "5", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["name"] == "rate-model"
    assert outcome["proof"] == {"calls": 1, "equal": 1}
    assert post(f"{outcome['url']}/predict", {"x": 4}) == 20
    assert path.read_bytes() == before
    assert "rate-model  live" in nbdeploy("ls").stdout
    assert json.loads(nbdeploy("ls", "--json").stdout)[0]["version"] == outcome["version"]
    assert outcome["version"] in nbdeploy("show", "rate-model").stdout
    assert nbdeploy("metrics", "rate-model").returncode == 0
    assert json.loads(nbdeploy("metrics", "rate-model", "--json").stdout)["name"] == "rate-model"
    assert nbdeploy("logs", "rate-model").returncode == 0
    assert nbdeploy("up", str(path), "--workers", "2").returncode == 0
    assert post(f"{outcome['url']}/predict", {"x": 4}) == 8
    back = json.loads(nbdeploy("rollback", "rate-model", "--json").stdout)
    assert back["version"] == outcome["version"]
    assert json.loads(nbdeploy("ls", "--json").stdout)[0]["workers"] == 2
    assert post(f"{outcome['url']}/predict", {"x": 4}) == 20
    assert json.loads(nbdeploy("stop", "rate-model", "--json").stdout)["state"] == "stopped"
    assert "stopped" in nbdeploy("ls").stdout
    assert nbdeploy("start", "--all").returncode == 0
    assert json.loads(nbdeploy("start", "rate-model", "--json").stdout)[0]["state"] == "live"
    assert post(f"{outcome['url']}/predict", {"x": 4}) == 20
    assert json.loads(nbdeploy("rm", "rate-model", "--json").stdout) == {"name": "rate-model"}
    assert "no endpoints" in nbdeploy("ls").stdout


def test_the_notebooks_own_deploy_line_is_used_once(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "own.ipynb",
        ("%load_ext jupyter_deploy", []),
        PARAMETERS,
        ENTRY,
        CALL,
        ("endpoint = %deploy predict --name fromcell", []),
        ("assert endpoint.call(3) == 6", []),
    )
    outcome = json.loads(nbdeploy("up", str(path), "--json").stdout)
    assert outcome["name"] == "fromcell"
    overridden = json.loads(nbdeploy("up", str(path), "--json", "--name", "fromshell").stdout)
    assert overridden["name"] == "fromshell"


@pytest.mark.parametrize(
    ("cells", "arguments", "code", "message"),
    [
        ((PARAMETERS, ENTRY, CALL), ("-p", "rat", "5"), 2, "no parameter rat"),
        ((PARAMETERS, ENTRY, CALL, ("1 / 0", [])), (), 1, "ZeroDivisionError"),
        ((PARAMETERS, ENTRY), (), 1, "no golden call"),
        ((("x = 1", []),), (), 1, "nothing to deploy"),
        ((("x = 1", ["deploy:entri"]),), (), 1, "did you mean deploy:entry"),
        ((PARAMETERS, ENTRY, CALL), ("--port", "99999"), 2, "from 1 to 65535"),
        ((PARAMETERS, ENTRY, CALL), ("--frobnicate",), 2, "frobnicate"),
        ((PARAMETERS, ENTRY, CALL), ("--kernel", "nosuchkernel"), 1, "nosuchkernel"),
        ((("import os\nos._exit(3)", []),), (), 1, "kernel died"),
    ],
)
def test_what_falls_short_says_so(
    cells: tuple[tuple[str, list[str]], ...], arguments: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    done = nbdeploy("up", str(write_notebook(tmp_path / "n.ipynb", *cells)), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert 'File "' not in done.stderr.partition("cell [")[0]


def test_not_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text("hello")
    assert "not a notebook" in nbdeploy("up", str(tmp_path / "n.ipynb")).stderr
    assert "cannot be read" in nbdeploy("up", str(tmp_path / "missing.ipynb")).stderr
    path = write_notebook(tmp_path / "r.ipynb", ("x <- 1", []), kernel="ir", language="R")
    assert "only Python notebooks" in nbdeploy("up", str(path)).stderr


def test_the_executed_notebook_is_kept_also_when_a_cell_fails(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb", ("print('before')", []), ("1 / 0", []))
    done = nbdeploy("up", str(path), "--output", str(tmp_path / "executed.ipynb"))
    assert done.returncode == 1
    assert "before" in (tmp_path / "executed.ipynb").read_text()


def test_a_kernel_in_another_environment(tmp_path: Path, jupyter_folders: Path) -> None:
    """The kernel's interpreter and packages count, not those of the command."""
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    site = next(path for path in (other / "lib").glob("python*/site-packages"))
    here = next(path for path in sys.path if path.endswith("site-packages"))
    package = Path(__file__).parents[1]
    (site / "shared.pth").write_text(f"{here}\n{package}\n")
    (site / "onlythere.py").write_text("VALUE = 41\n")
    info = site / "onlythere-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onlythere\nVersion: 1.2\n")
    (info / "RECORD").write_text(
        "onlythere.py,,\nonlythere-1.2.dist-info/METADATA,,\nonlythere-1.2.dist-info/RECORD,,\n"
    )
    spec = Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels" / "elsewhere"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(
        json.dumps(
            {
                "argv": [str(other / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "elsewhere",
                "language": "python",
            }
        )
    )
    path = write_notebook(
        tmp_path / "n.ipynb",
        ("import onlythere", []),
        ("def predict(x):\n    return onlythere.VALUE + x", ["deploy:entry"]),
        ("predict(1)", []),
        kernel="elsewhere",
    )
    done = nbdeploy("up", str(path), "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert post(f"{outcome['url']}/predict", {"x": 1}) == 42


def test_a_module_that_only_running_asks_for_is_added(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "n.ipynb",
        (
            "import importlib\ndef predict(x):\n    return importlib.import_module('ya' + 'ml').safe_dump(x)",
            ["deploy:entry"],
        ),
        ("predict([1])", []),
    )
    done = nbdeploy("up", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["proof"]["equal"] == 1


def test_export_runs_without_nbdeploy(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "exported.ipynb",
        ("import numpy as np\nW = np.arange(3.0)", []),
        ("def predict(x: float) -> list[float]:\n    return (W * x).tolist()", ["deploy:entry"]),
        ("predict(2.0)", []),
    )
    assert nbdeploy("up", str(path)).returncode == 0
    project = tmp_path / "project"
    assert nbdeploy("export", "exported", str(project)).returncode == 0
    for name in ("service.py", "Dockerfile", "README.md", "requirements.lock", "bundle.json", "tests/test_golden.py"):
        assert (project / name).is_file(), name
    assert nbdeploy("export", "exported", str(project)).returncode == 2
    here = next(path for path in sys.path if path.endswith("site-packages"))
    hide = "import sys\nsys.modules['jupyter_deploy'] = None\n"
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "sitecustomize.py").write_text(hide)
    replay = subprocess.run(
        [sys.executable, str(project / "tests" / "test_golden.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'hide'}:{here}"},
    )
    assert replay.returncode == 0, replay.stderr
    assert "1 golden calls equal" in replay.stdout
