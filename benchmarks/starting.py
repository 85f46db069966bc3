"""What the package itself costs: importing it, loading the extension, the command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

from benchmarks.cells import ADD
from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.tables import milliseconds, table

ROUNDS = {"quick": 5, "full": 25}
COMMANDS = {
    "python": ("-c", "pass"),
    "import jupyter_deploy": ("-c", "import jupyter_deploy"),
    "nbdeploy --version": ("-m", "jupyter_deploy", "--version"),
    "nbdeploy ls": ("-m", "jupyter_deploy", "ls"),
}
LOADING = "%load_ext jupyter_deploy"
LOAD = """\
import time as _time
_begun = _time.perf_counter()
%load_ext jupyter_deploy
_seconds = _time.perf_counter() - _begun
"""


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Run each command as a process of its own, in turn; gives seconds. One endpoint is live meanwhile."""
    found: dict[str, list[float]] = defaultdict(list)
    rounds = ROUNDS["quick" if quick else "full"]
    with workspace() as place:
        for _ in range(1 + rounds // 5):
            with Kernel(place) as kernel:
                kernel.run(LOAD)
                found[LOADING].append(kernel.read("_seconds"))
                if len(found[LOADING]) == 1:
                    kernel.run(*ADD)
                    kernel.deploy("add --name add")
        for number in range(1 + rounds):
            quiet.probe()
            for name, arguments in COMMANDS.items():
                taken = _time_process(place, arguments)
                if number:  # the round before the first writes bytecode
                    found[name].append(taken)
    found[LOADING].pop(0)
    return {name: summarise(values) for name, values in found.items()}


def _time_process(place: Workspace, arguments: tuple[str, ...]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=place.variables, cwd=place.folder, check=True,
                   stdout=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - begun


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    bare = figures["python"]["median"]
    rows = []
    for name, one in figures.items():
        over = "" if name in ("python", LOADING) else milliseconds(one["median"] - bare)
        rows.append([f"`{name}`", milliseconds(one["median"]), milliseconds(one["min"]), over])
    return table(["", "median, ms", "best, ms", "over bare `python`, ms"], rows)
