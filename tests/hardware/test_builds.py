from __future__ import annotations

import json
from pathlib import Path

import evidence
import pytest

import jupyter_deploy.hardware.facts
from jupyter_deploy.hardware.builds import find_builds, find_capability, find_driver, is_only_for_cuda


@pytest.mark.parametrize(("installed", "name", "cuda"), [
    (evidence.TORCH_CUDA_126, "PyTorch", "12.6"),
    (evidence.TORCH_INDEX, "PyTorch", "12.8"),
    (evidence.TORCH_CPU, "PyTorch", None),
    ({"torch": "2.9.0+cu130"}, "PyTorch", "13.0"),
    ({"torch": "2.4.1+cu118"}, "PyTorch", "11.8"),
    (evidence.JAX_CUDA, "JAX", "13.0"),
    (evidence.CUPY, "CuPy", "12"),
    (evidence.ONNX_GPU, "ONNX Runtime", "12.8"),
    (evidence.TENSORFLOW, "TensorFlow", "12.5"),
    (evidence.LIGHTGBM, "LightGBM", None),
])
def test_the_build_of_a_framework(installed: dict[str, str], name: str, cuda: str | None) -> None:
    (build,) = find_builds(evidence.requirements(installed))
    assert (build.framework.name, build.cuda, bool(build.source)) == (name, cuda, cuda is not None)


def test_packages_without_frameworks_have_no_builds() -> None:
    assert find_builds(evidence.requirements({"numpy": "2.4.6", "scikit-learn": "1.9.1"})) == ()


@pytest.mark.parametrize(("cuda", "driver", "own", "capability"), [
    ("12.6", "525.60.13", "560.28.03", "5.0"),
    ("13.0", "580.65.06", "580.65.06", "7.5"),
    ("12", "525.60.13", None, "5.0"),
    ("99.1", None, None, None),
])
def test_what_a_cuda_version_wants(cuda: str, driver: str | None, own: str | None, capability: str | None) -> None:
    assert (*find_driver(cuda), find_capability(cuda)) == (driver, own, capability)


def test_what_is_of_use_only_with_cuda() -> None:
    assert [name for name in ("nvidia-cudnn-cu12", "triton", "jax_cuda12_plugin", "numpy", "torch") if is_only_for_cuda(name)
            ] == ["nvidia-cudnn-cu12", "triton", "jax_cuda12_plugin"]


def test_every_fact_has_its_source() -> None:
    for path in Path(jupyter_deploy.hardware.facts.__file__).parent.glob("*.json"):
        facts = json.loads(path.read_text())
        assert facts.get("source") or facts["sources"], path
