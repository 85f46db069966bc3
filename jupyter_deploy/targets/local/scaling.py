"""How many workers a deployment has: what its author asked for, and what fits the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from jupyter_deploy.errors import UsageError
from jupyter_deploy.runtime.manifest import Manifest

Auto = Literal["auto"]
AUTO: Auto = "auto"
IDLE_SECONDS = 300.0
_HEADROOM = 1.25
_SPARE = 64 << 20
"""A worker may come to hold a quarter more than it held while it was proven, and so many bytes."""
_SHARE = 0.8
"""Of the machine's memory, the workers of one deployment get no more."""
_FREE = 0.8
"""Of its time, a call has to leave the GIL to others at least, to be taken for one that needs no other worker."""


@dataclass(frozen=True)
class Scale:
    """Between which numbers of workers a deployment moves."""

    min: int = 1
    """0: without callers it sleeps, and the first one wakes it."""
    max: int | Auto = 1
    """`auto`: as many as fit the machine."""
    idle: float = IDLE_SECONDS
    """Seconds after which a worker that is not needed goes."""

    @property
    def fixed(self) -> bool:
        """Whether the number never changes."""
        return self.min == self.max

    @property
    def several(self) -> bool:
        """Whether there are, or may be, more workers than one."""
        return not self.fixed or self.min > 1

    @property
    def first(self) -> int:
        """How many start."""
        return max(1, self.min)

    @property
    def text(self) -> str:
        """Say it in a few words: `2`, `0 to 4`, `1 to auto`."""
        return str(self.min) if self.fixed else f"{self.min} to {self.max}"

    def dump(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return asdict(self)


def read_scale(raw: Mapping[str, Any], workers: int = 1) -> Scale:
    """Read back what `Scale.dump` gave; of a record without it, the number of its workers is fixed."""
    return Scale(**raw) if raw else Scale(workers, workers)


def check_scale(workers: int | Auto | None, least: int | None, most: int | Auto | None, idle: float | None) -> None:
    """Refuse what makes no sense together (raises `UsageError`)."""
    if workers not in (None, AUTO) and (least is not None or most is not None):
        raise UsageError("a fixed number of workers has no --min and no --max", where="--workers",
                         advice="give either --workers N, or --workers auto with --min N and --max N")
    for option, value, lowest in (("--workers", workers, 1), ("--min", least, 0), ("--max", most, 1)):
        if value is not None and value != AUTO and value < lowest:
            raise UsageError(f"wanted at least {lowest} worker{'s' * (not lowest)}, found {value}", where=option,
                             advice="--min 0 lets it sleep without callers" if option == "--workers" else
                                    "leave it out for the default")
    if least is not None and most is not None and most != AUTO and least > most:
        raise UsageError(f"--min {least} is more than --max {most}", advice="exchange them")
    if idle is not None and not idle > 0:
        raise UsageError(f"wanted more than 0 seconds, found {idle:g}", where="--idle",
                         advice=f"leave it out for {IDLE_SECONDS:g} s")
    # Of a deployment whose number changes, so that it is what was said that fixes it.
    choose_scale(Scale(0, AUTO), workers, least, most, idle)


def choose_scale(known: Scale, workers: int | Auto | None, least: int | None, most: int | Auto | None,
                 idle: float | None) -> Scale:
    """Give the scale that was asked for; what was not said stays as it is in `known`.

    Raises
    ------
    UsageError
        When an idle time was asked for, and no worker would ever go.

    """
    chosen = known
    if workers not in (None, AUTO):
        chosen = Scale(int(workers), int(workers))
    elif workers == AUTO or least is not None or most is not None:
        chosen = Scale(1 if least is None else least, AUTO if most is None else most)
    if idle is not None and chosen.fixed:
        raise UsageError(f"no worker ever goes where their number is fixed ({chosen.text})", where="--idle",
                         advice="add --min 0 to let it sleep without calls, or --workers auto or --max N to let the "
                                "number follow them")
    return replace(chosen, idle=known.idle if idle is None else idle)


def find_most(scale: Scale, manifest: Manifest, peak: int | None,
              conduct: Mapping[str, Mapping[str, Any]] | None = None, *, cores: int | None = None,
              memory: int | None = None) -> int:
    """Give the largest number of workers, never less than `scale.min` nor than 1.

    `auto` is one for each core, as far as memory goes. It is one alone where calls change what later calls read,
    because each worker would have values of its own, and where one keeps all cores busy: its calls run in threads.

    Parameters
    ----------
    peak
        The most bytes that a worker was seen to hold, if that is known.
    conduct
        What was found out about the entries, as `runtime.conduct.dump_conduct` gives it.
    cores, memory
        What the machine has, memory in bytes; by default this one's.

    """
    if scale.max != AUTO:
        return scale.max
    if any(entry.mutates for entry in manifest.entries) or _takes_all(manifest, conduct or {}, cores or count_cores()):
        return scale.first
    cores = cores or count_cores()
    memory = memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fit = cores if peak is None else min(cores, int(memory * _SHARE / (peak * _HEADROOM + _SPARE)))
    return max(scale.first, fit)


def _takes_all(manifest: Manifest, conduct: Mapping[str, Mapping[str, Any]], cores: int) -> bool:
    """Tell whether all entries' calls run in threads with the GIL so free that one worker takes all cores."""
    known = [conduct.get(entry.name, {}) for entry in manifest.entries]
    enough = max(_FREE, 1 - 1 / cores)
    return all(one.get("grip") == "lets go" and one["threads"] and one["free"] >= enough for one in known)


def count_threads(scale: Scale, cores: int | None = None) -> int:
    """Give how many threads linear algebra may take in each worker, so that all of them together fit the cores."""
    cores = cores or count_cores()
    most = cores if scale.max == AUTO else scale.max
    return max(1, cores // most)


def count_cores() -> int:
    """Give how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
