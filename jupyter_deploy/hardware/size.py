"""How large a worker is: what its processes used while they answered the golden calls, and the limits that follow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from jupyter_deploy.hardware.gpus import Gpu, read_gpus, read_used

HEADROOM = 1.25
"""Requests in production are larger than golden calls, and more than one is answered at a time."""
SPARE = 64 << 20
"""Bytes added to that: what a small worker needs to breathe."""
STEP = 64 << 20
"""Limits are multiples of this many bytes."""
TELLING = 0.1
"""Seconds: processor time comes in ticks of 10 ms, so what is shorter does not tell how many processors were busy."""


@dataclass(frozen=True)
class Usage:
    """What one worker used, from its start to the end of the golden calls."""

    calls: int
    seconds: float
    """How long the golden calls took, with the way there and back."""
    cpu: float
    """Seconds of processor time in them, to a hundredth."""
    peak: int
    """The most bytes of memory that it ever held (`VmHWM`)."""
    gpu_memory: int | None = None
    """Bytes of GPU memory that it held after the calls; None: no GPU can be asked."""
    gpus: tuple[Gpu, ...] = field(default=())

    def dump(self) -> dict[str, Any]:
        """Give it as a JSON object, to be kept with a version's proof."""
        figures: dict[str, Any] = {"calls": self.calls, "seconds": round(self.seconds, 4), "cpu": round(self.cpu, 2),
                                   "peak": self.peak}
        if self.gpus:
            figures |= {"gpu_memory": self.gpu_memory, "gpus": [vars(gpu) for gpu in self.gpus]}
        return figures


@dataclass(frozen=True)
class Size:
    """Limits for a worker, with the evidence."""

    memory: int
    """Bytes."""
    cpus: float
    """Processors that one worker keeps busy."""
    workers: int
    """How many fit on a machine."""
    gpu_memory: int | None
    evidence: str


@dataclass(frozen=True)
class _Reading:
    cpu: float
    peak: int


class Measurement:
    """A measurement under way; `usage` is there when it is over, None where processes cannot be looked at."""

    usage: Usage | None = None


@contextmanager
def measure_usage(pids: Sequence[int], calls: int) -> Iterator[Measurement]:
    """Measure what processes use while the golden calls are replayed.

    Linux tells it of every process, also of one in a container; elsewhere there is no answer.

    Parameters
    ----------
    pids
        The processes of one worker.
    calls
        How many calls are replayed meanwhile.

    """
    measurement = Measurement()
    before = _read_all(pids)
    started = perf_counter()
    yield measurement
    seconds = perf_counter() - started
    after = _read_all(pids)
    if before is not None and after is not None:
        gpus = read_gpus()
        measurement.usage = Usage(calls, seconds, max(0.0, after.cpu - before.cpu), after.peak,
                                  read_used(pids) if gpus else None, gpus)


def _read_all(pids: Sequence[int]) -> _Reading | None:
    try:
        readings = [_read(Path("/proc", str(pid))) for pid in pids]
    except (OSError, LookupError, ValueError):
        return None
    return _Reading(sum(one.cpu for one in readings), sum(one.peak for one in readings)) if readings else None


def _read(process: Path) -> _Reading:
    # The command stands in parentheses and may hold spaces; user and system time are the 14th and 15th field.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    peak = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM:"))
    return _Reading(ticks / os.sysconf("SC_CLK_TCK"), int(peak.split()[1]) * 1024)


def suggest_size(usage: Usage, *, processors: int | None = None, memory: int | None = None) -> Size:
    """Suggest limits from what was measured.

    Parameters
    ----------
    processors, memory
        What the machine has; by default this one's.

    """
    processors = processors or os.cpu_count() or 1
    memory = memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _round_up(usage.peak * HEADROOM + SPARE)
    # A worker answers one call at a time on one thread, unless its libraries compute on several.
    busy = usage.cpu / usage.seconds if usage.seconds >= TELLING else 0.0
    cpus = float(max(1, round(busy)))
    workers = max(1, min(int(processors // cpus), int(memory * 0.8 // limit)))
    gpu = None if not usage.gpu_memory else _round_up(usage.gpu_memory * HEADROOM)
    return Size(limit, cpus, workers, gpu, _explain(usage))


def _round_up(size: float) -> int:
    return -int(-size // STEP) * STEP


def _explain(usage: Usage) -> str:
    calls = f"{usage.calls} golden call" + "s" * (usage.calls != 1)
    text = (f"{usage.peak / 1e6:.0f} MB at most, {usage.cpu:.2f} s of processor time in {usage.seconds:.2f} s "
            f"for {calls}")
    if usage.gpus:
        text += f", {(usage.gpu_memory or 0) / 1e6:.0f} MB of GPU memory on {usage.gpus[0].name}"
    return text


def parse_usage(raw: Mapping[str, Any]) -> Usage:
    """Read back what `Usage.dump` gave."""
    return Usage(raw["calls"], raw["seconds"], raw["cpu"], raw["peak"], raw.get("gpu_memory"),
                 tuple(Gpu(**gpu) for gpu in raw.get("gpus", ())))


def describe_usage(raw: dict[str, Any]) -> list[str]:
    """Say in lines what was measured of a version, and what limits that suggests on this machine.

    `raw` is what `Usage.dump` gave.
    """
    usage = parse_usage(raw)
    size = suggest_size(usage)
    limit = f"{size.memory >> 20} MiB and {size.cpus:g} processor" + "s" * (size.cpus != 1)
    limit += f", {size.gpu_memory >> 20} MiB of GPU memory" if size.gpu_memory else ""
    return [f"a worker used {size.evidence}", f"that suggests a limit of {limit} for each; {size.workers} fit here"]
