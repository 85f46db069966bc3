"""Needs, can use, or no GPU: judged from recorded evidence."""

from __future__ import annotations

import evidence
import pytest

from jupyter_deploy.capture.devices import Placement
from jupyter_deploy.hardware import describe_hardware
from jupyter_deploy.hardware.builds import find_builds
from jupyter_deploy.hardware.detection import Code, Value, judge
from jupyter_deploy.runtime.manifest import Hardware, Span

MODEL = Value("model", "predict → model", (Placement("torch", "tensor", "cuda:0", 12, 4_000_000),))
GUARDED = "DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'\n"


def decide(installed: dict[str, str], *values: Value, code: str = "", gpu: bool | None = None,
           memory: int | None = None) -> Hardware | None:
    spans = (Span(1, 9, "cell [4]", 2),)
    return judge(find_builds(evidence.requirements(installed)), values, Code(code, spans), gpu=gpu, memory=memory)


@pytest.mark.parametrize(("installed", "values", "code", "gpu"), [
    (evidence.TORCH_CUDA_126, (MODEL,), "", "needed"),
    (evidence.TORCH_CUDA_126, (), "model.cuda()", "needed"),
    (evidence.TORCH_CUDA_126, (), GUARDED, "usable"),
    (evidence.TORCH_CUDA_126, (), "", "none"),
    (evidence.TORCH_CPU, (), GUARDED, "usable"),
    (evidence.CUPY, (), "", "needed"),
    (evidence.TENSORFLOW, (), "", "usable"),
    (evidence.JAX_CUDA, (Value("w", "w", (Placement("jax", "array", "gpu"),)),), "", "usable"),
    ({"jax": "0.7.2", "jaxlib": "0.7.2"}, (), "", "none"),
    (evidence.XGBOOST, (Value("m", "m", (Placement("xgboost", "model", "cuda:0"),)),), "", "usable"),
    (evidence.LIGHTGBM, (), "", "none"),
])
def test_the_need_follows_from_the_evidence(installed, values, code, gpu) -> None:
    found = decide(installed, *values, code=code)
    assert found is not None
    assert found.gpu == gpu
    assert found.evidence
    assert (found.cuda is None) == (gpu == "none" or installed in (evidence.TORCH_CPU, evidence.XGBOOST))


def test_a_build_with_cuda_of_no_known_version_is_not_called_one_without() -> None:
    """The packages of an index have CUDA in them on Linux."""
    found = decide(evidence.XGBOOST)
    assert found is not None
    assert [one.text for one in found.evidence] == ["xgboost 3.2.0 does not tell with which CUDA it is built"]


def test_nothing_is_said_where_no_package_could_use_a_gpu() -> None:
    assert decide({"numpy": "2.4.6"}, code="plan.to('cuda')") is None
    assert describe_hardware(None) == ["no GPU: no package of the service could use one"]


def test_the_author_goes_before_the_evidence() -> None:
    without = decide(evidence.TORCH_CUDA_126, MODEL, gpu=False)
    assert without is not None
    assert (without.gpu, without.cuda) == ("none", None)
    forced = decide(evidence.TORCH_CPU, gpu=True, memory=8 * 2**30)
    assert forced is not None
    assert (forced.gpu, forced.memory) == ("needed", 8 * 2**30)


def test_the_evidence_says_what_and_where() -> None:
    found = decide(evidence.TORCH_CUDA_126, MODEL, code="\nmodel.to('cuda')")
    assert describe_hardware(found) == [
        "needs a GPU, CUDA 12.6, driver 525.60.13 or newer, compute capability 5.0 or higher",
        "  model has 12 torch tensors on cuda:0   predict → model",
        "  the code says .to('cuda')   cell [4], line 3",
        ("  torch 2.9.0+cu126 is built with CUDA 12.6 (its version says cu126); driver 525.60.13 or newer, "
         "560.28.03 came with it   predict imports it"),
    ]
