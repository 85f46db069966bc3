"""Hardware of a real notebook with PyTorch: found in the kernel, kept in the bundle, honoured by the worker."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from live_notebook import LiveNotebook, nbdeploy

from jupyter_deploy.registry import data_dir

pytest.importorskip("torch")

CELLS = (
    "%load_ext jupyter_deploy\nimport os\nimport torch",
    "device = 'cuda' if torch.cuda.is_available() else 'cpu'\nlayer = torch.nn.Linear(3, 2).to(device)",
    ("def score(rows: list[list[float]]) -> dict:\n"
     "    place = 'cuda' if torch.cuda.is_available() else 'cpu'\n"
     "    with torch.no_grad():\n"
     "        total = layer(torch.tensor(rows).to(place)).sum().item()\n"
     "    return {'total': total}"),
    "def hidden() -> bool:\n    return os.environ.get('CUDA_VISIBLE_DEVICES') == '-1' or layer is None",
    "score([[1.0, 2.0, 3.0]])",
)


def test_a_service_that_can_use_a_gpu_says_why(notebook: LiveNotebook) -> None:
    if notebook.run(*CELLS[:1], "print(torch.cuda.is_available())").strip() == "True":
        pytest.skip("this machine has a GPU, so the notebook's layer is on it")
    notebook.run(*CELLS[1:])
    done = notebook.deploy("score --name scores")
    manifest = json.loads((Path(done["folder"]) / "bundle.json").read_text())
    hardware = manifest["hardware"]
    assert hardware["gpu"] == "usable"
    (call,) = [one for one in hardware["evidence"] if one["kind"] == "call"]
    assert call == {"kind": "call", "text": "the code says 'cuda' if torch.cuda.is_available() else 'cpu', if there is a GPU",
                    "where": "cell [4], line 2"}
    shown = nbdeploy("show", "scores").stdout
    assert "can use a GPU" in shown
    if sys.platform == "linux":
        assert "a worker used" in shown
        assert notebook.value("_endpoint.status.versions[0].proof['usage']['peak']") > 50_000_000
    assert "can use a GPU" in notebook.execute("%deploy score --name scores --dry-run")


def test_a_service_without_a_gpu_is_proven_without_one(notebook: LiveNotebook) -> None:
    notebook.run(*CELLS)
    done = notebook.deploy("hidden --name blind --no-gpu --unproven")
    assert json.loads((Path(done["folder"]) / "bundle.json").read_text())["hardware"]["gpu"] == "none"
    assert notebook.value("_endpoint.call()") is True
    seen = notebook.deploy("hidden --name sighted --unproven --gpu --gpu-memory 2GB")
    hardware = json.loads((data_dir() / "bundles" / seen["version"] / "bundle.json").read_text())["hardware"]
    assert (hardware["gpu"], hardware["memory"]) == ("needed", 2_000_000_000)
    assert notebook.value("_endpoint.call()") is False
