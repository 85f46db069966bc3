"""Workers that outgrow their limit of memory: replaced before the system ends them with what they have in hand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from jupyter_deploy.runtime.metrics import read_metrics, total

MUCH = 1.5
"""Times the limit, at which a worker is not waited for any more."""


class Process(Protocol):
    """What is looked at."""

    pid: int
    metrics_file: Path
    draining: bool


def read_resident(pid: int) -> int | None:
    """Give the resident bytes of a process; None where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _measure(worker: Process) -> int:
    resident = read_resident(worker.pid)
    if resident is not None:
        return resident
    try:
        return int(total(read_metrics(worker.metrics_file), "process_resident_memory_bytes"))
    except (OSError, ValueError):
        return 0


Grown = TypeVar("Grown", bound=Process)


def find_grown(workers: Iterable[Grown], limit: int | None) -> Iterator[tuple[Grown, str, bool]]:
    """Give the workers over the limit, each with the reason and whether it is too far beyond to be waited for."""
    if limit is None:
        return
    for worker in workers:
        resident = _measure(worker)
        beyond = resident > limit * MUCH
        if beyond or (resident > limit and not worker.draining):
            yield worker, f"it has grown to {resident / 1e6:.0f} MB, and --memory allows {limit / 1e6:.0f} MB", beyond
