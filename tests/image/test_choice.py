"""Which libraries of CUDA an image lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_deploy.image.choice import find_lacks
from jupyter_deploy.image.wheels import Wheel
from jupyter_deploy.requirements import Pin
from jupyter_deploy.runtime.manifest import Hardware, Manifest

GPU = Hardware("usable")


@pytest.mark.parametrize(("names", "hardware", "advice"), [
    (("tensorflow",), GPU, ["tensorflow[and-cuda]"]),
    (("tensorflow", "nvidia-cuda-runtime-cu12"), GPU, []),
    (("tensorflow",), Hardware("none"), []),
    (("tensorflow",), None, []),
    (("jax", "jaxlib"), GPU, ["jax[cuda12]"]),
    (("cupy-cuda13x",), Hardware("needed"), ["cupy-cuda13x[ctk]"]),
    (("cupy-cuda13x", "cuda-toolkit"), Hardware("needed"), []),
    (("onnxruntime-gpu",), GPU, ["onnxruntime-gpu[cuda,cudnn]"]),
    (("torch", "xgboost", "lightgbm"), GPU, []),  # these bring what they load, or load nothing
])
def test_what_a_gpu_service_loads_and_no_wheel_has(names: tuple[str, ...], hardware: Hardware | None, advice: list[str]) -> None:
    wheels = [Wheel(Pin(name, "1.0", "predict"), Path(name), "", "index") for name in names]
    lacks = find_lacks(wheels, Manifest("one", "3.11", (), hardware=hardware))
    assert [lack.partition("install '")[2].partition("'")[0] for lack in lacks] == advice
