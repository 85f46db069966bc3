"""`jupyter nbconvert --to deploy`: a service project from the source alone."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from saved_notebook import write_notebook

CELLS = [
    ("open('ran', 'w').close()\n%matplotlib inline", []),
    ("import math\nimport six\nimport numpy as np\nimport helpers, nosuchmodule\nLIMIT = 10  # plain", []),
    ("weights = np.array([1.0, 2.0])", []),
    ("def clip(x):\n    # as the paper says\n    return min(x, LIMIT)\n\ndef plot(x):\n    six.print_(x)", []),
    ("@helpers.logged\ndef score(values: np.ndarray) -> float:\n    return clip(float(values @ weights))", ["deploy:entry"]),
]


def write(folder: Path, cells: list[tuple[str, list[str]]]) -> Path:
    (folder / "helpers.py").write_text("def logged(function):\n    return function\n")
    return write_notebook(folder / "model.ipynb", *cells)


def convert(notebook: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "jupyter", "nbconvert", "--to", "deploy", *options, notebook.name], cwd=notebook.parent,
                          capture_output=True, text=True, timeout=120, check=False)


def test_the_project_is_what_the_entries_reach_and_serves_when_the_state_is_there(tmp_path: Path) -> None:
    done = convert(write(tmp_path, CELLS), "--execute")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    project = tmp_path / "model-service"
    assert sorted(path.name for path in project.iterdir()) == [
        "Dockerfile", "README.md", "helpers.py", "requirements.txt", "serve.py", "service.py"]
    service = (project / "service.py").read_text()
    assert "# as the paper says" in service
    assert "@helpers.logged" in service
    assert "LIMIT = 10" in service
    assert not any(word in service for word in ("plot", "six", "math", "nosuchmodule", "matplotlib", "np.array("))
    import numpy as np

    assert (project / "requirements.txt").read_text() == f"numpy=={np.__version__}\n"
    readme = (project / "README.md").read_text()
    assert "**No state**" in readme
    assert 'pathlib.Path("state/weights.pkl").write_bytes(pickle.dumps(weights))   # made in cell 3, line 1' in readme
    stopped = subprocess.run([sys.executable, "serve.py"], cwd=project, capture_output=True, text=True, check=False)
    assert "weights.pkl is missing: the notebook makes weights in cell 3, line 1" in stopped.stderr
    (project / "state").mkdir()
    (project / "state" / "weights.pkl").write_bytes(pickle.dumps(np.array([1.0, 2.0])))
    process = subprocess.Popen([sys.executable, "serve.py", "127.0.0.1", "0"], cwd=project, stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        request = urllib.request.Request(f"{url}/score", json.dumps({"values": [1, 2]}).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer) == 5.0
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize(("cells", "message"), [
    ([("x = 1", [])], "no cell is tagged deploy:entry"),
    ([("x = 1", ["deploy:entry"])], "defines no function to serve"),
    ([("%deploy predikt", [])], "no cell defines predikt"),
])
def test_what_cannot_be_served_is_told(cells: list[tuple[str, list[str]]], message: str, tmp_path: Path) -> None:
    from nbconvert.utils.exceptions import ConversionException

    from jupyter_deploy.exporter import DeployExporter

    with pytest.raises(ConversionException, match=message):
        DeployExporter().from_filename(str(write(tmp_path, cells)))


def test_a_model_gets_an_entry(tmp_path: Path) -> None:
    from jupyter_deploy.exporter import DeployExporter

    _, resources = DeployExporter().from_filename(str(write(tmp_path, [("model = fit()", []), ("%deploy model", [])])))
    assert "def predict_model(data):\n    return model.predict(data)" in resources["outputs"]["model-service/service.py"].decode()
