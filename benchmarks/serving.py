"""The way of a request: our worker beside an application written by hand for the same models."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.servers import (
    ENTRIES,
    LOAD_CORE,
    SERVER_CORE,
    Server,
    command_by_hand,
    deploy_all,
    find_port,
    pin,
    read_cases,
    serve,
    wait_answer,
)
from benchmarks.tables import milliseconds, table

ROUNDS = {"quick": 2, "full": 5}
SECONDS = {"quick": 1.0, "full": 2.0}
CONNECTIONS = (1, 16, 64)
SCRIPT = Path(__file__).parent / "wrk.lua"
WORKLOADS = {
    "predict": "customers: a table of one row, scikit-learn pipeline, a table back",
    "diagnose": "breast cancer: 30 floats, scaler and logistic regression",
    "add": "an entry that adds two numbers",
}
SLOW = ("predict",)
"""Workloads of few requests a second: wrk forgets those that are under way when it ends, which would count."""


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Load both servers in turn; gives, for each entry and number of connections, the figures of both."""
    if shutil.which("wrk") is None:
        print("there is no wrk (apt install wrk): the load comes from our own generator, which is slower itself")
    mode = "quick" if quick else "full"
    with workspace() as place, Kernel(place) as kernel:
        ours = {entry: server for entry, (server, _) in deploy_all(kernel).items()}
        port = find_port()
        with serve(command_by_hand(place, port), port, place) as by_hand:
            figures: dict[str, Any] = {}
            for entry in ENTRIES:
                pair = {"ours": ours[entry], "by_hand": by_hand}
                _warm(place, entry, pair)
                figures[entry] = {
                    str(count): _compare(place, entry, pair, count, ROUNDS[mode], SECONDS[mode], quiet)
                    for count in CONNECTIONS
                }
        return {"generator": "wrk" if shutil.which("wrk") else "generator.py", "entries": figures}


def _warm(place: Workspace, entry: str, pair: dict[str, Server]) -> None:
    cases = read_cases(place, entry)
    (place.folder / f"{entry}.txt").write_text("\n".join(case["body"] for case in cases))
    for server in pair.values():
        wait_answer(server, entry, cases[0])
        pin(server.process, SERVER_CORE)


def _compare(place: Workspace, entry: str, pair: dict[str, Server], connections: int, rounds: int, seconds: float,
             quiet: Quiet) -> dict[str, Any]:
    checked = {name: _check(place, entry, server, connections) for name, server in pair.items()}
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in pair}
    for number in range(rounds):
        quiet.probe()
        for name in (list(pair), list(reversed(pair)))[number % 2]:
            measured[name].append(_load(place, entry, pair[name], connections, seconds))
            time.sleep(0.2)  # the server drops what wrk no longer waits for
    figures: dict[str, Any] = {
        name: {key: summarise([one[key] for one in ones]) for key in ("rate", "p50", "p99", "cpu")}
        for name, ones in measured.items()
    }
    for key in ("rate", "cpu"):
        figures[f"{key}_ratio"] = statistics.median(
            mine[key] / theirs[key] for mine, theirs in zip(measured["ours"], measured["by_hand"], strict=True))
    return {**figures, "checked": checked}


def _check(place: Workspace, entry: str, server: Server, connections: int) -> int:
    """Compare every answer of one untimed run with the notebook's (raises `RuntimeError`)."""
    done = _run([sys.executable, "-m", "benchmarks.generator", str(server.port), f"/{entry}",
                 str(place.folder / f"{entry}.json"), str(connections), "0.5"], place)
    if done["failed"]:
        raise RuntimeError(f"{done['failed']:.0f} of {done['requests']:.0f} answers of /{entry} are wrong")
    return int(done["requests"])


def _load(place: Workspace, entry: str, server: Server, connections: int, seconds: float) -> dict[str, float]:
    if shutil.which("wrk") and entry not in SLOW:
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(SCRIPT),
                   f"http://127.0.0.1:{server.port}", "--", f"/{entry}", str(place.folder / f"{entry}.txt")]
    else:
        command = [sys.executable, "-m", "benchmarks.generator", str(server.port), f"/{entry}",
                   str(place.folder / f"{entry}.json"), str(connections), str(seconds)]
    before = server.cpu
    done = _run(command, place)
    cpu = server.cpu - before
    if done["failed"]:
        raise RuntimeError(f"{done['failed']:.0f} of {done['requests']:.0f} requests to /{entry} failed")
    return {"rate": done["requests"] / done["seconds"], "p50": done["p50"], "p99": done["p99"],
            "cpu": cpu / done["requests"]}


def _run(command: list[str], place: Workspace) -> dict[str, float]:
    """Run a load generator on its own core; gives the figures that its last line tells."""
    root = str(Path(__file__).parents[1])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=place.variables) as process:
        pin(psutil.Process(process.pid), LOAD_CORE)
        said, _ = process.communicate(timeout=120)
    figures: dict[str, float] = json.loads(said.splitlines()[-1])
    return figures


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = []
    for entry, counts in figures["entries"].items():
        for count, one in counts.items():
            mine, theirs = one["ours"], one["by_hand"]
            rows.append([
                WORKLOADS[entry] if count == str(CONNECTIONS[0]) else "", count,
                *(f"{side['rate']['median']:.0f}" for side in (mine, theirs)), f"**{one['rate_ratio']:.2f}**",
                *(f"{side['cpu']['median'] * 1e6:.0f}" for side in (mine, theirs)), f"**{one['cpu_ratio']:.2f}**",
                *(f"{milliseconds(side['p50']['median'])} / {milliseconds(side['p99']['median'])}"
                  for side in (mine, theirs)),
            ])
    head = ["workload", "connections", "nbdeploy, requests/s", "by hand", "ratio", "nbdeploy, CPU µs a request",
            "by hand", "ratio", "nbdeploy, p50 / p99 ms", "by hand"]
    return table(head, rows)
