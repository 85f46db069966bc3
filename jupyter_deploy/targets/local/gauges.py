"""What the supervisor itself adds to a deployment's `/metrics`: its workers, and what happened to them."""

from __future__ import annotations

from pathlib import Path

from jupyter_deploy.runtime.metrics import Metrics, Series

FILE = "supervisor.metrics"
_KINDS = ("woken", "asleep", "scaled-up", "scaled-down",
          "worker-died", "worker-replaced", "worker-stuck", "worker-hung", "worker-grown")


class Gauges:
    """One more metrics file beside those of the workers.

    Parameters
    ----------
    folder
        Where the workers have theirs: all of them are read by whoever answers `/metrics`.

    """

    def __init__(self, folder: Path) -> None:
        workers = {state: Series("nbdeploy_workers", "gauge", "Workers, by state.", (("state", state),))
                   for state in ("wanted", "ready", "starting")}
        text = "What happened to workers."
        events = {kind: Series("nbdeploy_worker_events_total", "counter", text, (("kind", kind),)) for kind in _KINDS}
        metrics = Metrics([*workers.values(), *events.values()], folder / FILE)
        self._slots = metrics.slots
        self._workers = {state: metrics.slot(series) for state, series in workers.items()}
        self._events = {kind: metrics.slot(series) for kind, series in events.items()}

    def show(self, **workers: int) -> None:
        """Say how many workers there are: `wanted`, `ready`, `starting`."""
        for state, number in workers.items():
            self._slots[self._workers[state]] = number

    def count(self, kind: str) -> None:
        """Count an event, if it is about workers."""
        if kind in self._events:
            self._slots[self._events[kind]] += 1
