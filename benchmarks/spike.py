"""A million requests after idle: none lost, none wrong, memory flat.

The application by hand gets a tenth of them, at once: it is compared by its rate, and would take a quarter of an hour
for a million.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.cells import ADD, CANCER, CASES, CHURN
from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet
from benchmarks.servers import command_by_hand, find_port, read_cases, serve, wait_answer
from benchmarks.tables import table
from jupyter_deploy.registry import list_samples, open_registry
from jupyter_deploy.traffic.figures import add_up, quantile, read_second
from jupyter_deploy.traffic.job import Case, Job, write_request

NAME = "diagnose"
COUNT = {"quick": 20_000, "full": 1_000_000}
BY_HAND = 10
"""Of how many requests the application by hand gets one."""
SECONDS = {"quick": 4, "full": 120}
CONNECTIONS = 256
ASLEEP_SECONDS = 20.0
PATIENCE = 300.0
"""Seconds that a request waits for its answer."""


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Play both shapes against an endpoint, and a tenth at once against the application by hand."""
    mode = "quick" if quick else "full"
    shapes = {"at once": f"{COUNT[mode]} at once", "spread": f"{COUNT[mode]} in {SECONDS[mode]}s"}
    with workspace() as place, Kernel(place) as kernel:
        kernel.run("%load_ext jupyter_deploy", *CHURN, *CANCER, *ADD, CASES)
        kernel.deploy(f"{NAME} --name {NAME} --min 0 --max auto --idle 5")
        figures: dict[str, Any] = {"count": COUNT[mode], "ours": {}, "by_hand": {}}
        for key, shape in shapes.items():
            quiet.probe()
            asleep = _wait_asleep(kernel)
            figures["ours"][key] = {**_rehearse(place, shape), "from_zero": asleep, "to_zero": _wait_asleep(kernel)}
        port = find_port()
        with serve(command_by_hand(place, port), port, place) as by_hand:
            wait_answer(by_hand, NAME, read_cases(place, NAME)[0])
            quiet.probe()
            cases = tuple(Case(NAME, write_request(NAME, one["body"].encode(), ()), one["answer"])
                          for one in read_cases(place, NAME))
            figures["by_hand"]["at once"] = play(place, port, cases, f"{COUNT[mode] // BY_HAND} at once",
                                                 lambda: by_hand.memory()["resident"])
    return figures


def _wait_asleep(kernel: Kernel) -> bool:
    """Wait until there is no worker; False where there is always one."""
    until = time.monotonic() + ASLEEP_SECONDS
    while time.monotonic() < until:
        if kernel.read("_endpoint.status.workers") == 0:
            return True
        time.sleep(0.5)
    return False


def _rehearse(place: Workspace, shape: str) -> dict[str, Any]:
    file = place.folder / "rehearsal.json"
    began = time.time()
    command = [sys.executable, "-m", "jupyter_deploy", "rehearse", NAME, shape, "--connections", str(CONNECTIONS),
               "--patience", f"{PATIENCE:g}", "--json", str(file)]
    done = subprocess.run(command, env=place.variables, cwd=place.folder, check=False, capture_output=True, text=True)
    print(done.stdout, done.stderr[-500:], flush=True)
    found = json.loads(file.read_text())
    with closing(open_registry(place.folder / "data" / "nbdeploy" / "registry.db")) as registry:
        memory = [one.memory / max(1, one.workers) for one in list_samples(registry, NAME, began) if one.requests]
    third = max(1, len(memory) // 3)
    keys = ("sent", "good", "rejected", "failed", "wrong", "lost", "p50", "p99", "duration", "most_workers", "memory")
    return {**{key: found[key] for key in keys}, "first": found["firsts"][0]["seconds"],
            "memory_first": max(memory[:third], default=0), "memory_last": max(memory[-third:], default=0)}


def play(place: Workspace, port: int, cases: tuple[Case, ...], shape: str, measure_memory: Callable[[], float],
         patience: float = PATIENCE) -> dict[str, Any]:
    """Play a shape against a server that is none of ours, with the same generator."""
    job = Path(place.folder / "job.json")
    job.write_text(Job("127.0.0.1", port, cases, shape, (), (0.0, 1e-12), CONNECTIONS, patience).dump())
    root = str(Path(__file__).parents[1])
    before = measure_memory()
    command = [sys.executable, "-m", "jupyter_deploy.traffic.generator", str(job)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root,
                          env=place.variables) as process:
        assert process.stdout is not None
        *lines, end = [json.loads(line) for line in process.stdout]
    seconds = [read_second(line) for line in lines]
    latency = add_up(one.latency for one in seconds)
    answered = sum(sum(one.answered.values()) for one in seconds)
    good = sum(one.good for one in seconds)
    lost = sum(one.lost for one in seconds)
    return {"sent": answered + lost, "good": good, "rejected": sum(one.rejected for one in seconds),
            "wrong": sum(one.wrong for one in seconds), "lost": lost, "p50": quantile(latency, 0.5),
            "p99": quantile(latency, 0.99), "duration": end["duration"], "first": end["firsts"][0][1],
            "memory_first": before, "memory_last": measure_memory(), "most_workers": 1}


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = []
    names = {"at once": "all at once", "spread": "evenly spread"}
    for key, name in names.items():
        for side, who in (("ours", "nbdeploy"), ("by_hand", "by hand")):
            one = figures[side].get(key)
            if one is None:
                continue
            count = figures["count"] if side == "ours" else figures["count"] // BY_HAND
            rate, from_zero = one["good"] / one["duration"], {True: "yes", False: "no"}.get(one.get("from_zero"), "")
            rows.append([
                f"{count:,} {name}", who, f"{one['good']:,}",
                f"{one['rejected']:,}", f"{one['lost']:,}", f"{one['wrong']:,}", f"{rate:,.0f}",
                f"{one['first'] * 1000:,.0f}", f"{one['p50'] * 1000:,.0f} / {one['p99'] * 1000:,.0f}",
                str(one["most_workers"]),
                f"{one['memory_first'] / 1e6:,.0f} → {one['memory_last'] / 1e6:,.0f}",
                from_zero,
            ])
    head = ["load", "", "answered", "rejected", "lost", "wrong", "requests/s", "first answer, ms", "p50 / p99, ms",
            "workers", "MB a worker, at first → at last", "from zero"]
    return table(head, rows)
