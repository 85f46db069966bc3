"""Releases: what a canary and a shadow cost the live version, how long a release and a rollback take, what is lost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cells import ADD
from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet
from benchmarks.servers import LOAD_CORE, SERVER_CORE, pin, read_cpu
from benchmarks.tables import table

ROUNDS = {"quick": 3, "full": 9}
SECONDS = {"quick": 1.0, "full": 2.0}
RATE = 1000
"""Requests a second at which the costs are measured: a service that answers for weeks is not full."""
TIMES = {"quick": 3, "full": 20}
"""Releases, and rollbacks, under load."""
HEAD = "def add(x: float, y: float = 1.0) -> float:\n    "
OTHER = f"{HEAD}return x + y + 0"
MODES = {"alone": "the live version alone", "split": "beside a canary of 0.01 %: the split alone",
         "canary": "beside a canary of 10 %, with forwarding to it", "shadow": "beside a shadow"}
OPTIONS = {"split": "--canary 0.01%", "canary": "--canary 10%", "shadow": "--shadow"}


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Measure the costs in interleaved rounds, then the releases; every answer is looked at."""
    mode = "quick" if quick else "full"
    with workspace() as place, Kernel(place) as kernel:
        kernel.run("%load_ext jupyter_deploy", *ADD)
        done = kernel.deploy("add --name add")
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in MODES}
        for number in range(ROUNDS[mode]):
            quiet.probe()
            for name in (list(MODES), list(reversed(MODES)))[number % 2]:
                rounds[name].append(_measure_mode(kernel, place, name, done, SECONDS[mode]))
        costs = {name: {key: statistics.median(one[key] for one in ones) for key in ones[0]}
                 for name, ones in rounds.items()}
        ratios = {name: {key: statistics.median(
            one[key] / alone[key] for one, alone in zip(rounds[name], rounds["alone"], strict=True))
            for key in ("p50", "cpu")} for name in MODES}
        return {"rate": RATE, "costs": costs, "ratios": ratios, **_release(kernel, place, done["url"], TIMES[mode])}


def _measure_mode(kernel: Kernel, place: Workspace, mode: str, done: dict[str, Any],
                  seconds: float) -> dict[str, float]:
    if mode != "alone":
        kernel.run(OTHER, "add(1.5, y=2.0)")
        kernel.deploy(f"add --name add {OPTIONS[mode]}")
    worker = psutil.Process(kernel.read("_endpoint.status.details['pids']")[0])
    pin(worker, SERVER_CORE)
    before = read_cpu(worker)
    figures = _load(place, done["url"], done["version"], seconds)
    figures["cpu"] = (read_cpu(worker) - before) / figures["requests"]
    if mode != "alone":
        kernel.run("%deploy --abort add")
    return figures


def _load(place: Workspace, url: str, version: str, seconds: float) -> dict[str, float]:
    """Send requests at an even rate from another core; gives what the live version's answers took, and what failed."""
    command = [sys.executable, "-m", "benchmarks.steady", url, str(RATE), str(seconds), version]
    root = str(Path(__file__).parents[1])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=place.variables) as process:
        pin(psutil.Process(process.pid), LOAD_CORE)
        said, _ = process.communicate(timeout=120)
    figures: dict[str, float] = json.loads(said)
    if figures["failed"]:
        raise RuntimeError(f"{figures['failed']:.0f} of {figures['requests']:.0f} requests failed")
    return figures


def _release(kernel: Kernel, place: Workspace, url: str, times: int) -> dict[str, Any]:
    """Release and roll back again and again while callers send one request after the other over kept connections."""
    releases, rollbacks = [], []
    with _callers(place, url) as counts:
        for number in range(times):
            kernel.run(f"{HEAD}return x + y + 0 * {number}", "add(1.5, y=2.0)")
            live = next(one for one in kernel.deploy("add --name add")["stages"] if one["name"] == "live")
            releases.append(live["seconds"])
            rollbacks.append(kernel.read("(lambda t: t._target.rollback('add').seconds)(_endpoint)"))
    return {"times": times, "release": _spread(releases), "rollback": _spread(rollbacks), **counts}


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "max": max(values)}


@contextmanager
def _callers(place: Workspace, url: str) -> Iterator[dict[str, float]]:
    counts: dict[str, float] = {}
    root = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", "benchmarks.steady", url, "0", "600", "any"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=root,
                               env=place.variables)
    try:
        yield counts
    finally:
        said, _ = process.communicate("end\n", timeout=60)
        counts.update(json.loads(said))


def describe(figures: dict[str, Any]) -> str:
    """Write the tables."""
    rows = [[text, *(f"{figures['costs'][name][key] * 1e6:.0f}" for key in ("p50", "cpu")),
             *(f"**{figures['ratios'][name][key]:.3f}**" for key in ("p50", "cpu")),
             f"{figures['costs'][name]['p95'] * 1e6:.0f}"] for name, text in MODES.items()]
    first = table(["", "p50 of the live version's answers, µs", "CPU of its worker, µs a request", "p50, ratio",
                   "CPU, ratio", "p95, µs"], rows)
    second = table(["", "median, ms", "worst, ms"], [
        [text, *(f"{figures[key][which] * 1000:.0f}" for which in ("median", "max"))]
        for key, text in (("release", "release: from the end of the proof to live"), ("rollback", "rollback to live"))])
    return (f"{first}\n\n{second}\n\n{figures['times']} releases and {figures['times']} rollbacks under load over kept "
            f"connections: {figures['requests']:.0f} requests, {figures['failed']:.0f} failed or wrong.")

