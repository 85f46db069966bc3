"""Capture alone: how long it takes to read a service out of a kernel."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.cells import CHURN, FOREST, fill
from benchmarks.kernel import Kernel, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.tables import milliseconds, table

ROUNDS = {"quick": 2, "full": 5}
NOTEBOOKS = {
    "10 cells": ("predict", fill(CHURN, 10)),
    "100 cells": ("predict", fill(CHURN, 100)),
    "a forest of 200 trees": ("classify", FOREST),
}
TIME = """\
import time as _time
from jupyter_deploy.capture.capture import CaptureOptions as _Options, capture as _capture
from jupyter_deploy.capture.kernel import read_kernel as _read_kernel
from jupyter_deploy.registry import data_dir as _data_dir
from pathlib import Path as _Path
import os as _os

def _measure(entry):
    shell = get_ipython()
    recorder = shell.magics_manager.registry["DeployMagics"].recorder
    begun, cpu = _time.perf_counter(), _time.process_time()
    kernel = _read_kernel(shell, document=_Path(_os.environ["NBDEPLOY_NOTEBOOK"]))
    _capture(kernel, _Options(names=(entry,)), recorder, cache=_data_dir() / "cache")
    return _time.perf_counter() - begun, _time.process_time() - cpu
"""


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Capture each notebook for the first time in a kernel, and again; gives seconds."""
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in NOTEBOOKS}
    with workspace() as place:
        for number in range(1 + ROUNDS["quick" if quick else "full"]):
            for name, (entry, cells) in NOTEBOOKS.items():
                quiet.probe()
                with Kernel(place) as kernel:
                    place.save(cells)
                    kernel.run("%load_ext jupyter_deploy", *cells, TIME)
                    first, again = kernel.read(f"[_measure('{entry}'), _measure('{entry}')]")
                if number:  # the round before the first writes bytecode and the index of installed packages
                    found[name]["first"].append(first[0])
                    found[name]["first_cpu"].append(first[1])
                    found[name]["again"].append(again[0])
    return {name: {key: summarise(values) for key, values in timed.items()} for name, timed in found.items()}


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = [[name, *(milliseconds(timed[key]["median"]) for key in ("first", "first_cpu", "again"))]
            for name, timed in figures.items()]
    return table(["notebook", "first capture, ms", "of it CPU time", "again, ms"], rows)
