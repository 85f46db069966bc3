"""A network as large as VGG-16 on a real GPU: found in the kernel, proven on the GPU, measured, and equal to the CPU's."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import httpx
import pytest
from live_notebook import LiveNotebook

pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="this machine has no NVIDIA GPU")

WEIGHTS = 138_357_544
"""VGG-16's (Simonyan and Zisserman, 2015, table 2: 138 million)."""
NETWORK = """
import torch
from torch import nn

torch.manual_seed(0)
layers, channels = [], 3
for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
    layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
    channels = width or channels
network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
                        nn.Linear(4096, 1000)).eval().to("cuda")
"""
ENTRY = """
def draw(seeds):
    return torch.stack([torch.rand(3, 224, 224, generator=torch.Generator().manual_seed(seed)) for seed in seeds])

def scores(seeds: list[int]) -> list[list[float]]:
    with torch.no_grad():
        return network(draw(seeds).to("cuda")).cpu().tolist()
"""


def test_a_large_network_is_proven_on_the_gpu_and_measured(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", NETWORK, ENTRY, "scores([1, 2])")
    assert notebook.value("sum(one.numel() for one in network.parameters())") == WEIGHTS
    done = notebook.deploy("scores --name vgg")
    hardware = json.loads((Path(done["folder"]) / "bundle.json").read_text())["hardware"]
    assert hardware["gpu"] == "needed"
    usage = notebook.value("_endpoint.status.versions[0].proof['usage']")
    assert usage["gpu_memory"] > 4 * WEIGHTS
    assert usage["gpus"]

    on_cpu = notebook.value("network.to('cpu')(draw([7, 8])).detach().tolist()")
    answered = call(done["url"], [7, 8])
    for mine, theirs in zip(answered, on_cpu, strict=True):
        assert max(range(1000), key=mine.__getitem__) == max(range(1000), key=theirs.__getitem__)
        assert mine == pytest.approx(theirs, rel=1e-2, abs=1e-3)  # the GPU may calculate with TF32

    one, many = (best_of_three(done["url"], list(range(count))) for count in (1, 32))
    print(f"one image: {1 / one:.0f}/s, 32 images: {32 / many:.0f}/s")
    assert call(done["url"], list(range(32)))[0] == pytest.approx(call(done["url"], [0])[0], rel=1e-2, abs=1e-3)


def call(url: str, seeds: list[int]) -> list[list[float]]:
    response = httpx.post(f"{url}/scores", json={"seeds": seeds}, timeout=120)
    assert response.status_code == 200, response.text
    return response.json()


def best_of_three(url: str, seeds: list[int]) -> float:
    """Give the seconds of the quickest of three calls."""
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        call(url, seeds)
        taken.append(time.perf_counter() - begun)
    return min(taken)
