"""Whether an entry holds the GIL: measured with a golden call, because neither its code nor its duration tells.

Python runs one thread at a time, the one that holds the GIL (the global interpreter lock). What waits (for a database,
another service, a disk) releases it, and so does what computes in NumPy, ONNX Runtime or PyTorch; a loop in Python
keeps it, and is made to hand it over only every few milliseconds. While the entry is called, another thread asks for it
again and again: how often it gets it in time tells the one from the other, on a busy machine and on a single core, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median, mode
from typing import Literal, NamedTuple

Grip = Literal["waits", "lets go", "holds", "unknown"]
"""What an entry does with the interpreter: leaves it alone and waits, lets go of it while it computes, or holds it."""


class Finding(NamedTuple):
    """What was seen of an entry."""

    grip: Grip
    free: float = 0.0
    """Of its time, how much the interpreter was there for others."""


LONG = 0.02
"""Seconds of calls that are watched; one call at least."""
ROUNDS, PATIENCE = 3, 0.1
"""It is done so often, unless a round takes longer than so many seconds."""
PAUSE = 0.0002
"""Seconds between two tries to have the lock."""
FREE = 0.1
"""Of the tries that should succeed in that time: with less, the entry holds the lock."""
IDLE = 0.25
"""Of a call's time: with less of it spent computing, the entry waits."""


def measure_grip(call: Callable[[], object]) -> Finding:
    """Call an entry for a moment and tell what it does with the interpreter; raises what it raises.

    To be called from the thread that the calls are to run in. Others on the machine may disturb it: two of three count.
    """
    begun = time.perf_counter()
    found = [_watch(call)]
    while len(found) < ROUNDS and time.perf_counter() - begun < ROUNDS * PATIENCE:
        found.append(_watch(call))
    return Finding(mode(one.grip for one in found), median(one.free for one in found))


def _watch(call: Callable[[], object]) -> Finding:
    watcher = _Watcher()
    watcher.start()
    try:
        begun, computed, seconds = time.perf_counter(), _measure_computing(), 0.0
        while seconds < LONG:
            call()
            seconds = time.perf_counter() - begun
        computed = _measure_computing() - computed
        tries = watcher.tries
    finally:
        watcher.ended = True
        watcher.join()
    free = round(min(1.0, tries * watcher.step / seconds), 2)
    if free < FREE:
        return Finding("holds", free)
    return Finding("waits" if computed < IDLE * seconds else "lets go", free)


def _measure_computing() -> float:
    """Give the seconds for which this thread has computed, on Linux also those for which others had the processor."""
    try:
        ran, queued, _ = Path("/proc/thread-self/schedstat").read_text().split()
    except (OSError, ValueError):
        return time.thread_time()
    return (int(ran) + int(queued)) / 1e9


class _Watcher(threading.Thread):
    """Wants the interpreter again and again."""

    def __init__(self) -> None:
        super().__init__(name="grip", daemon=True)
        self.ended = False
        self.tries = 0
        self.step = self._measure_step()
        """Seconds that a try takes at best."""

    @staticmethod
    def _measure_step() -> float:
        ends = [time.perf_counter()]
        for _ in range(5):
            time.sleep(PAUSE)
            ends.append(time.perf_counter())
        return min(end - begun for begun, end in pairwise(ends))

    def run(self) -> None:
        """Count the tries."""
        while not self.ended:
            time.sleep(PAUSE)
            self.tries += 1
