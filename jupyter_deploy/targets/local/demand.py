"""How many workers the callers of a version need: judged from what the workers say of themselves."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

_FILL = 0.7
"""Of the cores that workers may keep busy, so much is used when there are enough of them."""
_EACH = 2
"""Calls in progress that a worker is good for without being strained."""


@dataclass(frozen=True)
class Load:
    """What one worker said of itself last: `runtime/strain.py` explains the fields."""

    in_flight: int = 0
    progress: int = 0
    callers: int = 0
    cpu: float = 0.0
    waited: float = 0.0
    quiet: float = 0.0
    strained: bool = False


def read_load(message: Mapping[str, Any]) -> Load:
    """Read what a worker said; one of an earlier release says less."""
    return Load(**{key: message[key] for key in _FIELDS if key in message})


_FIELDS = tuple(one.name for one in fields(Load))


@dataclass(frozen=True)
class Need:
    """A number of workers, and why."""

    workers: int
    reason: str


def judge(loads: Sequence[Load], threads: int = 1) -> Need:
    """Say how many workers would do for what the present ones say, one at least.

    Each strained worker gets another one beside it, so that their number doubles until it is enough. Without strain
    they are as many as keep their cores busy for the most part.

    Parameters
    ----------
    threads
        How many cores a worker computes on.

    """
    cpu, progress = sum(load.cpu for load in loads), sum(load.progress for load in loads)
    by_cpu = math.ceil(round(cpu / threads / _FILL, 3))
    strained = [load for load in loads if load.strained]
    if strained:
        wait = max(load.waited for load in strained)
        waits = f", which waited {wait * 1000:.0f} ms" if wait else ""
        calls = max(progress, sum(load.in_flight for load in loads), sum(load.callers for load in loads))
        return Need(max(len(loads) + len(strained), by_cpu),
                    f"{len(strained)} of {len(loads)} strained by {calls} call{'s' * (calls != 1)} at a time{waits}; "
                    f"{cpu * 100:.0f} % of a core")
    enough = min(len(loads), max(1, by_cpu, math.ceil(progress / _EACH)))
    return Need(enough, f"{progress} calls in progress, {cpu * 100:.0f} % of a core")


class Demand:
    """Decides: more workers at once, fewer only when fewer would have done for a while.

    Parameters
    ----------
    least, most
        Never fewer, never more.
    settle
        Seconds for which fewer would have to do.

    """

    def __init__(self, least: int, most: int, settle: float, threads: int = 1) -> None:
        self._least = max(1, least)
        self.most = most
        self._settle = settle
        self._threads = threads
        self._recent: deque[tuple[float, int]] = deque()
        """When how many workers were needed, within the time to settle; only what nothing later exceeds."""
        self._since: float | None = None

    def decide(self, now: float, loads: Sequence[Load]) -> Need | None:
        """Give another number of workers than there are loads, or None when it is right."""
        need = judge(loads, self._threads)
        self._note(now, need.workers)
        wanted = min(max(need.workers, self._least), self.most)
        if wanted > len(loads):
            return Need(wanted, need.reason)
        enough = min(max(self._recent[0][1], self._least), self.most)
        if enough < len(loads) and self._since is not None and now - self._since >= self._settle:
            return Need(len(loads) - 1, f"{enough} would have done for {self._settle:g} s")
        return None

    def _note(self, now: float, workers: int) -> None:
        if self._since is None:
            self._since = now
        while self._recent and self._recent[-1][1] <= workers:
            self._recent.pop()
        self._recent.append((now, workers))
        while self._recent[0][0] < now - self._settle:
            self._recent.popleft()

    def forget(self) -> None:
        """Begin anew, as after a sleep."""
        self._recent.clear()
        self._since = None
