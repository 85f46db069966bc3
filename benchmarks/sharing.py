"""Several workers of one large model: how much memory each has of its own, compiled and not."""

from __future__ import annotations

import time
from typing import Any

import psutil

from benchmarks.kernel import Kernel, workspace
from benchmarks.machine import Quiet
from benchmarks.tables import table

WORKERS = (1, 2, 4)
FOREST = """\
import numpy as np
from sklearn.ensemble import RandomForestClassifier

chance = np.random.default_rng(0)
table = chance.normal(size=({rows}, 20))
forest = RandomForestClassifier(200, random_state=0, n_jobs=-1).fit(table, table[:, 0] * table[:, 1] + chance.normal(size={rows}) > 0)
forest.n_jobs = 1


def chances(rows: np.ndarray) -> np.ndarray:
    return forest.predict_proba(rows)[:, 1]
"""  # noqa: E501 - a cell
ROWS = {"quick": 2000, "full": 20000}
ASKED = 200
"""Requests that each deployment answers before it is measured, so that what it touches while it works is counted."""
ASK = f"for number in range({ASKED}):\n    _endpoint.call(rows=table[number : number + 2])"
OPTIONS = {"compiled": "", "--exact: scikit-learn": "--exact"}


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Deploy with so many workers, ask, and add up what they hold; a warm parent counts as one of them."""
    figures: dict[str, Any] = {}
    with workspace() as place, Kernel(place) as kernel:
        kernel.run("%load_ext jupyter_deploy", FOREST.format(rows=ROWS["quick" if quick else "full"]),
                   "chances(table[:3])")
        figures["model"] = kernel.read("len(__import__('pickle').dumps(forest))")
        for title, option in OPTIONS.items():
            figures[title] = {}
            for workers in WORKERS:
                quiet.probe()
                kernel.deploy(f"chances --name shared {option} --workers {workers}")
                kernel.run(ASK)
                time.sleep(1)
                figures[title][str(workers)] = _add_up(kernel.read("_endpoint.status.details['pids']"))
                kernel.run("_endpoint.stop()")
    return figures


def _add_up(pids: list[int]) -> dict[str, float]:
    """Give bytes of the workers, and of the warm parent that they were forked from, if there is one."""
    workers = [psutil.Process(pid) for pid in pids]
    parents = {one.ppid() for one in workers}
    warm = [psutil.Process(pid) for pid in parents if "--forkable" in psutil.Process(pid).cmdline()]
    full = [one.memory_full_info() for one in (*workers, *warm)]
    return {"resident": sum(one.rss for one in full), "proportional": sum(one.pss for one in full),
            "own": sum(one.uss for one in full) / len(full), "processes": len(full)}


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = []
    for title in OPTIONS:
        for workers, one in figures[title].items():
            alone = figures[title][str(WORKERS[0])]["proportional"]
            rows.append([title, workers, f"{one['processes']:.0f}",
                         *(f"{one[key] / 1e6:.0f}" for key in ("resident", "proportional", "own")),
                         f"{one['proportional'] / alone:.2f}"])
    head = ["model", "workers", "processes with the warm parent", "resident, MB, added up",
            "with shared pages shared (PSS), MB", "of a process's own (USS), MB, on average", "to one worker"]
    return f"{table(head, rows)}\n\nPickled, the forest has {figures['model'] / 1e6:.0f} MB."
