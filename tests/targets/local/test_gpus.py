"""GPU figures from the driver's answers to the panel's row, on a machine that need not have a GPU."""

from __future__ import annotations

import ctypes
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.metrics import Sampler, Usage
from jupyter_deploy.registry import add_sample, list_samples, open_registry, roll_up
from jupyter_deploy.targets.local import gpus
from jupyter_deploy.widget.news import FIELDS, describe_row

NO_MEMORY = (1 << 64) - 1
SUCCESS, INSUFFICIENT = 0, 7


class Driver:
    """NVIDIA's management library as its reference describes it: {GPU: (percent busy, {pid: bytes})}."""

    def __init__(self, *devices: tuple[int, dict[int, int]]) -> None:
        self.devices = devices

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self.devices)
        return SUCCESS

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, device: Any) -> int:
        device._obj.value = index + 1  # a handle of 0 would be a null pointer
        return SUCCESS

    def nvmlDeviceGetUtilizationRates(self, device: ctypes.c_void_p, rates: Any) -> int:
        rates._obj.gpu = self.devices[(device.value or 0) - 1][0]
        return SUCCESS

    def nvmlDeviceGetComputeRunningProcesses_v3(self, device: ctypes.c_void_p, count: Any, found: Any) -> int:
        held = self.devices[(device.value or 0) - 1][1]
        if len(held) > count._obj.value:
            return INSUFFICIENT
        count._obj.value = len(held)
        for place, (pid, memory) in zip(found, held.items(), strict=False):
            place.pid, place.memory = pid, memory
        return SUCCESS


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(*devices: tuple[int, dict[int, int]]) -> None:
        gpus._read_devices.cache_clear()
        monkeypatch.setattr(gpus, "_open_library", lambda: Driver(*devices) if devices else None)

    yield install
    gpus._read_devices.cache_clear()


def test_only_the_workers_own_use_is_told(driver: Any) -> None:
    driver((80, {11: 2 * 10**9, 99: 10**9}), (35, {12: 10**9}), (100, {99: 5 * 10**9}))
    assert gpus.measure_gpus({11, 12}) == Usage(busy=0.8, memory=3 * 10**9)
    assert gpus.measure_gpus({13}) is None
    driver((40, {11: NO_MEMORY}))
    assert gpus.measure_gpus({11}) == Usage(busy=0.4, memory=0)
    driver()
    assert gpus.measure_gpus({11}) is None


def test_the_drivers_answer_arrives_in_the_panel(driver: Any, tmp_path: Path) -> None:
    sampler = Sampler(0.0)
    with closing(open_registry(tmp_path / "registry.db")) as registry:
        for second in range(1, 122):
            driver((second % 60, {11: 10**9 + second}))
            sample = sampler.take([], workers=1 + second % 2, now=float(second), usage=gpus.measure_gpus({11}))
            assert sample is not None
            add_sample(registry, "seen", sample)
            roll_up(registry, "seen", float(second))
        seconds, minutes = list_samples(registry, "seen", 0.0), list_samples(registry, "seen", 0.0, 60)
    last = dict(zip(FIELDS, describe_row(seconds[-1]), strict=True))
    assert (last["gpu"], last["gpu_memory"]) == (0.01, 10**9 + 121)
    first = dict(zip(FIELDS, describe_row(minutes[0]), strict=True))
    assert first["gpu"] == pytest.approx(0.295, abs=0.01)  # the mean of the minute
    assert first["gpu_memory"] == 10**9 + 60  # its peak
