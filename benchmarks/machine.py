"""The machine, the versions, and how quiet it was while something was measured."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("nbdeploy", "httptools", "ipykernel", "numpy", "orjson", "pandas", "scikit-learn", "uvicorn", "uvloop")


def describe_machine() -> dict[str, Any]:
    """Give what a reader needs to compare with another machine, and nothing that names this one."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
                platform.processor())


class Quiet:
    """Tells how much of the machine others had: a fixed piece of work is timed again and again.

    On a quiet machine `probe` takes the same time always; what the median and the worst differ from the best is noise.
    """

    def __init__(self) -> None:
        self._probes: list[float] = []
        self._load = [os.getloadavg()[0]]

    def probe(self) -> None:
        """Time the piece of work once."""
        begun = time.perf_counter()
        sum(number * number for number in range(200_000))
        self._probes.append(time.perf_counter() - begun)
        self._load.append(os.getloadavg()[0])

    def describe(self) -> dict[str, float]:
        """Give the figures: the load average, and the probes relative to the fastest."""
        best = min(self._probes)
        return {
            "load_average": round(statistics.median(self._load), 1),
            "probe_ms": round(best * 1000, 1),
            "probe_median": round(statistics.median(self._probes) / best, 2),
            "probe_worst": round(max(self._probes) / best, 2),
        }


def summarise(values: Sequence[float]) -> dict[str, float]:
    """Give median, least and greatest of the rounds."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": len(values)}
