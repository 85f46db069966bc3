"""Device calls in code: each with its line, and whether the code asks first if there is a GPU."""

from __future__ import annotations

import pytest

from jupyter_deploy.hardware.calls import DeviceCall, find_calls


@pytest.mark.parametrize(("source", "text"), [
    ("model.cuda()", ".cuda()"),
    ("model.to('cuda')", ".to('cuda')"),
    ("model.to(device='cuda:1')", "device='cuda:1'"),
    ("torch.device('cuda')", ".device('cuda')"),
    ("torch.load(path, map_location='cuda')", "map_location='cuda'"),
    ("with tf.device('/GPU:0'):\n    answer()", ".device('/GPU:0')"),
    ("jax.devices('gpu')", ".devices('gpu')"),
    ("XGBClassifier(tree_method='gpu_hist')", "tree_method='gpu_hist'"),
    ("train({'device': 'cuda'})", "'device': 'cuda'"),
    ("InferenceSession(path, providers=['CUDAExecutionProvider', 'CPUExecutionProvider'])",
     "providers=['CUDAExecutionProvider', 'CPUExecutionProvider']"),
    ("DEVICE = 'cuda'", "DEVICE = 'cuda'"),
])
def test_a_device_call_is_found(source: str, text: str) -> None:
    assert find_calls(source) == (DeviceCall(text, 1),)


@pytest.mark.parametrize("source", [
    "model.cpu()", "model.to('cpu')", "plan = {'kind': 'gpu'}", "shop.to('gpu department')", "card = 'gpu'",
    "price(device='tablet')", "'cuda'", "def broken(:",
])
def test_other_code_is_none(source: str) -> None:
    assert find_calls(source) == ()


def test_a_call_is_guarded_when_its_statement_asks_first() -> None:
    source = ("def answer(x):\n    if torch.cuda.is_available():\n        x = x.cuda()\n    return x\n"
              "def other(x):\n    return x.cuda()\n")
    assert find_calls(source) == (DeviceCall(".cuda()", 3, guarded=True), DeviceCall(".cuda()", 6))


def test_a_call_is_guarded_when_it_reads_what_was_asked_for() -> None:
    source = ("DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'\n"
              "OPTIONS = {'device': 'cuda', 'other': DEVICE}\n")
    assert [call.guarded for call in find_calls(source)] == [True, True]
