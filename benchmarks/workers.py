"""A worker's start and size, beside the application written by hand."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cells import CHURN_IMPORTS
from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.servers import (
    ENTRIES,
    Server,
    command_by_hand,
    deploy_all,
    find_port,
    read_cases,
    serve,
    wait_answer,
)
from benchmarks.tables import seconds, table

ROUNDS = {"quick": 2, "full": 5}
REFERENCE = f"{CHURN_IMPORTS}\nimport time\nprint(time.process_time())"
NAMES = {
    "predict": "worker of the customers' pipeline (scikit-learn, pandas)",
    "diagnose": "worker of the breast cancer model (scikit-learn)",
    "add": "worker of an entry that adds two numbers",
    "by_hand": "the application written by hand (all three)",
    "import": "only importing the pipeline's packages",
}


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Start each in turn; gives seconds from the start of the process to the first right answer, and bytes."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with workspace() as place, Kernel(place) as kernel:
        deployed = deploy_all(kernel)
        for number in range(1 + ROUNDS["quick" if quick else "full"]):
            quiet.probe()
            for name in (*ENTRIES, "by_hand"):
                port = find_port()
                entry = ENTRIES[0] if name == "by_hand" else name
                command = (command_by_hand(place, port) if name == "by_hand"
                           else command_worker(*deployed[name], port))
                _keep(found[name], _start(place, command, port, entry))
            begun = time.perf_counter()
            cpu = float(place.run("-c", REFERENCE))
            _keep(found["import"], {"seconds": time.perf_counter() - begun, "cpu": cpu})
            if not number:  # the round before the first writes bytecode
                found.clear()
    return {name: {key: summarise(values) for key, values in one.items()} for name, one in found.items()}


def command_worker(live: Server, bundle: Path, port: int) -> list[str]:
    """Give the command line of a worker like the live one that stands alone: in the same clean environment."""
    told = live.process.cmdline()
    paths = [told[place + 1] for place, part in enumerate(told) if part == "--path"]
    options = [*(option for path in paths for option in ("--path", path)), "--port", str(port)]
    return [sys.executable, "-I", "-S", str(bundle / "runtime" / "__main__.py"), "serve", *options]


def _start(place: Workspace, command: Sequence[str], port: int, entry: str) -> dict[str, float]:
    case = read_cases(place, entry)[0]
    begun = time.perf_counter()
    with serve(command, port, place) as server:
        wait_answer(server, entry, case)
        taken = time.perf_counter() - begun
        return {"seconds": taken, "cpu": server.cpu, **server.memory()}


def _keep(kept: dict[str, list[float]], figures: dict[str, float]) -> None:
    for key, value in figures.items():
        kept[key].append(value)


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = []
    for name, text in NAMES.items():
        one = {key: values["median"] for key, values in figures[name].items()}
        sizes = [f"{one[key] / 1e6:.0f}" if key in one else "" for key in ("resident", "own")]
        rows.append([text, seconds(one["seconds"]), seconds(one["cpu"]), *sizes])
    return table(["", "start to first right answer, s", "CPU time, s", "resident, MB", "of it its own, MB"], rows)
