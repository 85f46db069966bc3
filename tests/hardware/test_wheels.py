from __future__ import annotations

import dataclasses

import evidence
import pytest

from jupyter_deploy.errors import RequirementError
from jupyter_deploy.hardware import Evidence, Hardware, Wheel, choose_wheels
from jupyter_deploy.requirements import Requirements, Source

GPU = Hardware("needed")
USABLE = Hardware("usable")
"""As code that says `"cuda" if torch.cuda.is_available() else "cpu"` is."""
NONE = Hardware("none")
ASKED = Hardware("needed", (Evidence("option", "--gpu"),))
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


@pytest.mark.parametrize(("installed", "hardware", "taken", "left_out"), [
    (evidence.TORCH_CUDA_126, NONE, {("torch", "2.9.0+cpu", CPU_INDEX), ("torchvision", "0.24.0+cpu", CPU_INDEX)}, 3),
    (evidence.TORCH_INDEX, NONE, {("torch", "2.9.0+cpu", CPU_INDEX)}, 3),
    (evidence.TORCH_CUDA_126, GPU, {("torch", "2.9.0+cu126", "https://download.pytorch.org/whl/cu126")}, 0),
    (evidence.TORCH_CPU, NONE, {("torch", "2.13.0+cpu", CPU_INDEX)}, 0),
    (evidence.TORCH_CPU, USABLE, {("torch", "2.13.0+cpu", CPU_INDEX), ("torchvision", "0.28.0+cpu", CPU_INDEX)}, 0),
    (evidence.TORCH_INDEX, GPU, {("torch", "2.9.0", None), ("triton", "3.5.0", None)}, 0),
    (evidence.XGBOOST, NONE, {("xgboost-cpu", "3.2.0", None)}, 1),
    (evidence.XGBOOST, GPU, {("xgboost", "3.2.0", None)}, 0),
    (evidence.ONNX_GPU, NONE, {("onnxruntime", "1.23.0", None)}, 1),
    (evidence.JAX_CUDA, None, {("jax", "0.7.2", None), ("jaxlib", "0.7.2", None)}, 2),
])
def test_an_image_takes_the_build_that_fits(installed, hardware, taken, left_out) -> None:
    wheels = choose_wheels(evidence.requirements(installed), hardware)
    assert taken <= {(wheel.name, wheel.version, wheel.index) for wheel in wheels.taken}
    assert len(wheels.left_out) == left_out
    assert len(wheels.taken) + left_out == len(installed)


@pytest.mark.parametrize(("ours", "theirs"), [("tensorflow-cpu", "tensorflow"), ("onnxruntime", "onnxruntime-gpu"),
                                              ("xgboost-cpu", "xgboost")])
def test_a_gpu_that_is_asked_for_takes_the_other_distribution(ours: str, theirs: str) -> None:
    found = evidence.requirements(evidence.XGBOOST)
    one = dataclasses.replace(found.distributions[0], name=ours, source=Source("index"))
    requirements = Requirements(found.python, found.interpreter, (one,))
    assert [wheel.name for wheel in choose_wheels(requirements, ASKED).taken] == [theirs]
    for hardware in (GPU, NONE, None):  # another package may be what wants one
        assert [wheel.name for wheel in choose_wheels(requirements, hardware).taken] == [ours]


def test_a_build_for_the_processor_has_not_what_the_one_with_cuda_requires() -> None:
    with pytest.raises(RequirementError, match=r"torch 2.13.0\+cpu is the build for the processor") as caught:
        choose_wheels(evidence.requirements(evidence.TORCH_CPU), ASKED)
    assert "--force-reinstall torch==2.13.0" in str(caught.value.advice)


def test_tensorflow_without_a_gpu_is_the_small_build() -> None:
    found = evidence.requirements(evidence.XGBOOST)
    one = dataclasses.replace(found.distributions[0], name="tensorflow", source=Source("index"))
    requirements = Requirements(found.python, found.interpreter, (one,))
    assert [wheel.name for wheel in choose_wheels(requirements, NONE).taken] == ["tensorflow-cpu"]
    assert [wheel.name for wheel in choose_wheels(requirements, GPU).taken] == ["tensorflow"]


def test_what_did_not_come_from_an_index_stays_as_it_is() -> None:
    found = evidence.requirements(evidence.TORCH_CPU)
    built = tuple(dataclasses.replace(one, source=Source("archive", "https://example.org/torch.whl")) for one in found.distributions)
    wheels = choose_wheels(Requirements(found.python, found.interpreter, built), GPU)
    assert wheels.taken == tuple(Wheel(one.name, one.version) for one in built)
