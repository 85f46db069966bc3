"""Checking: what `nbdeploy check` takes beyond running the notebook with papermill."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

from benchmarks.cells import CHURN
from benchmarks.kernel import Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.tables import seconds, table

ROUNDS = {"quick": 2, "full": 7}
WAYS = {
    "papermill alone": ("papermill", "{notebook}", "{folder}/executed.ipynb", "--no-progress-bar", "-k", "python3"),
    "nbdeploy check": ("jupyter_deploy", "check", "{notebook}", "--entry", "predict", "--kernel", "python3"),
}


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Run a scikit-learn notebook in both ways, in turn; gives seconds, and what the check takes more."""
    found: dict[str, list[float]] = defaultdict(list)
    with workspace() as place:
        place.save(list(CHURN))
        for number in range(1 + ROUNDS["quick" if quick else "full"]):
            quiet.probe()
            spent = {way: _run(place, arguments) for way, arguments in WAYS.items()}
            if number:  # the first round writes bytecode and the index of installed packages
                for way, time_taken in spent.items():
                    found[way].append(time_taken)
                first, second = spent.values()
                found["more"].append(second - first)
    return {way: summarise(values) for way, values in found.items()}


def _run(place: Workspace, arguments: tuple[str, ...]) -> float:
    words = [one.format(notebook=place.notebook, folder=place.folder) for one in arguments]
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", *words], cwd=place.folder, env=place.variables, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    names = {**{way: way for way in WAYS}, "more": "what the check takes more"}
    return table(["a scikit-learn notebook", "median, s", "least, s"],
                 [[names[way], seconds(timed["median"]), seconds(timed["min"])] for way, timed in figures.items()])
