"""The GPUs of this machine and what processes use of them, through NVML, NVIDIA's own library."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """A GPU of this machine."""

    name: str
    capability: str
    """Compute capability: `9.0`."""
    memory: int
    """Bytes in all."""


def read_gpus() -> tuple[Gpu, ...]:
    """List the NVIDIA GPUs of this machine; none where NVML, its Python package or the driver is missing."""
    with _nvml() as nvml:
        return tuple(_describe(nvml, handle) for handle in _handles(nvml)) if nvml else ()


def read_used(pids: Collection[int]) -> int | None:
    """Give the bytes of GPU memory that processes hold now; None where that cannot be known."""
    with _nvml() as nvml:
        if nvml is None:
            return None
        held = [process.usedGpuMemory or 0 for handle in _handles(nvml)
                for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle) if process.pid in pids]
        return sum(held)


@contextmanager
def _nvml() -> Iterator[Any]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        yield None  # the extra `gpu` is not installed: nothing is said of GPUs
        return
    except pynvml.NVMLError:
        yield None  # no driver, no GPU
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _handles(nvml: Any) -> list[Any]:
    return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]


def _describe(nvml: Any, handle: Any) -> Gpu:
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    name = nvml.nvmlDeviceGetName(handle)
    return Gpu(name, f"{major}.{minor}", int(nvml.nvmlDeviceGetMemoryInfo(handle).total))
