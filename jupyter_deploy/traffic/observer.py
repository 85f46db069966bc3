"""Looks at a deployment while it is loaded: how many workers take requests, what they cost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from jupyter_deploy.errors import DeployError
from jupyter_deploy.metrics import Sample
from jupyter_deploy.registry import list_samples, open_registry, registry_path

_INTERVAL = 0.25
_LAST_SAMPLE = 1.5
"""Seconds after which the last second's sample is written."""


@dataclass(frozen=True)
class Cost:
    """What the workers took."""

    cpu_per_request: float | None
    """Seconds of processor time."""
    memory: int | None
    """The most bytes."""


class Observer:
    """Counts workers in a thread of its own, four times a second."""

    def __init__(self, name: str, count_workers: Callable[[], int]) -> None:
        self._name = name
        self._count_workers = count_workers
        self._end = threading.Event()
        self.began = time.time()
        """Seconds since 1970."""
        self.counts: list[tuple[float, int]] = []
        """Moments by `perf_counter`, and how many workers took requests; after `finish`, seconds of the run."""
        self._look()
        self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._end.wait(_INTERVAL):
            self._look()

    def _look(self) -> None:
        # A supervisor that was killed and comes back is not there for a moment.
        with contextlib.suppress(DeployError, OSError, IndexError):
            self.counts.append((time.perf_counter(), self._count_workers()))

    def finish(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def align(self, begin: float) -> None:
        """Count moments from the run's begin, by the `perf_counter` that all processes of a machine share."""
        self.counts = [(moment - begin, count) for moment, count in self.counts]

    def workers_at(self, second: float) -> int | None:
        """Tell how many there were; None before the first look."""
        before = [count for moment, count in self.counts if moment <= second]
        return before[-1] if before else None

    def most_between(self, first: float, last: float) -> int | None:
        """Tell the most that there were from one moment to another."""
        return max((count for moment, count in self.counts if first <= moment < last), default=self.workers_at(first))

    def worker_seconds(self, until: float) -> float | None:
        """Add up for how long each worker was there."""
        if not self.counts:
            return None
        ends = [*(moment for moment, _ in self.counts[1:]), until]
        return sum(count * max(0.0, min(end, until) - max(0.0, moment))
                   for (moment, count), end in zip(self.counts, ends, strict=True))

    def measure(self) -> Cost:
        """Read what the workers took from the deployment's samples, which come once a second."""
        time.sleep(_LAST_SAMPLE)
        with closing(open_registry(registry_path())) as registry:
            samples: list[Sample] = list_samples(registry, self._name, self.began)
        requests = sum(sample.requests for sample in samples)
        cpu = sum(sample.cpu for sample in samples)
        memory = max((sample.memory for sample in samples), default=0)
        return Cost(cpu / requests if requests and cpu else None, memory or None)
