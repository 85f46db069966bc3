"""Where captured values lie, with real tensors; PyTorch's `meta` device stands for nothing that must be found."""

from __future__ import annotations

import pytest

from jupyter_deploy.capture.devices import Placement, find_placement, join_placements
from jupyter_deploy.capture.state import serialise


def test_values_in_the_processors_memory_are_on_no_device() -> None:
    torch = pytest.importorskip("torch")
    written = serialise(torch.nn.Linear(2, 2), lambda _: None)
    assert written.placements == ()
    for value in (torch.zeros(3), torch.nn.Parameter(torch.zeros(3)), torch.device("cpu"), [1], object()):
        assert find_placement(value) is None


def test_a_captured_device_is_found_inside_an_object() -> None:
    torch = pytest.importorskip("torch")
    written = serialise({"settings": [torch.device("cuda:0"), torch.device("cuda:0")]}, lambda _: None)
    assert written.placements == (Placement("torch", "device", "cuda:0", 2),)


def test_a_booster_tells_its_device() -> None:
    xgboost = pytest.importorskip("xgboost")
    np = pytest.importorskip("numpy")
    booster = xgboost.train({"verbosity": 0}, xgboost.DMatrix(np.eye(4), np.arange(4)), num_boost_round=1)
    assert find_placement(booster) is None
    assert serialise(booster, lambda _: None).placements == ()


def test_placements_of_one_device_are_added_up() -> None:
    found = [Placement("torch", "tensor", "cuda:0", 1, 400), None, Placement("torch", "tensor", "cuda:0", 1, 100),
             Placement("torch", "tensor", "cuda:1", 1, 8)]
    assert join_placements(found) == (Placement("torch", "tensor", "cuda:0", 2, 500), Placement("torch", "tensor", "cuda:1", 1, 8))
