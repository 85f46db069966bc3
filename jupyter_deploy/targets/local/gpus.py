"""What processes use of NVIDIA GPUs, asked of the driver's own library: no package, no subprocess."""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Collection, Iterator
from typing import Any

from jupyter_deploy.metrics import Usage

_LIBRARY = "libnvidia-ml.so.1"
_MOST = 256
"""Processes on one GPU that are looked at."""
_UNKNOWN = (1 << 64) - 1
"""What the driver says where it cannot tell the memory of a process, as in most containers."""


class _Process(ctypes.Structure):
    _fields_ = (("pid", ctypes.c_uint), ("memory", ctypes.c_ulonglong), ("instance", ctypes.c_uint),
                ("compute", ctypes.c_uint))


class _Rates(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


def measure_gpus(pids: Collection[int]) -> Usage | None:
    """Say what these processes use of this machine's GPUs; None when they use none, or nobody can tell."""
    used = [(busy, sum(held[pid] for pid in held.keys() & pids))
            for busy, held in _read_devices(int(time.monotonic())) if not held.keys().isdisjoint(pids)]
    return Usage(max(busy for busy, _ in used), sum(memory for _, memory in used)) if used else None


@functools.lru_cache(1)
def _read_devices(_second: int) -> list[tuple[float, dict[int, int]]]:
    """Read of each GPU how busy it is and what memory each process holds: once a second, for all who ask."""
    library = _open_library()
    if library is None:
        return []
    return [(_read_busy(library, device), {process.pid: 0 if process.memory == _UNKNOWN else process.memory
                                           for process in _list_processes(library, device)})
            for device in _list_devices(library)]


@functools.cache
def _open_library() -> Any:
    """Open it once; None where there is no driver."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        return library if library.nvmlInit_v2() == 0 else None
    except (OSError, AttributeError):
        return None


def _list_devices(library: Any) -> Iterator[ctypes.c_void_p]:
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return
    for index in range(count.value):
        device = ctypes.c_void_p()
        if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)) == 0:
            yield device


def _list_processes(library: Any, device: ctypes.c_void_p) -> list[_Process]:
    count, found = ctypes.c_uint(_MOST), (_Process * _MOST)()
    try:
        status = library.nvmlDeviceGetComputeRunningProcesses_v3(device, ctypes.byref(count), found)
    except AttributeError:
        return []  # a driver from before 2022
    return list(found[: count.value]) if status == 0 else []


def _read_busy(library: Any, device: ctypes.c_void_p) -> float:
    rates = _Rates()
    return rates.gpu / 100 if library.nvmlDeviceGetUtilizationRates(device, ctypes.byref(rates)) == 0 else 0.0
