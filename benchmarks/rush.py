"""The spike of `spike.py`, at once, on other servers of the same model, with a worker for each core where they can.

They get a hundredth of the million, as the slowest would take an hour for all; `NBDEPLOY_RUSH` gives another number.
`NBDEPLOY_PEERS` names those that are measured, with blanks between; what others did in the last run is kept.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet
from benchmarks.rivals.installation import NotInstalled, install, read_versions
from benchmarks.rivals.peers import PEERS, Bundle, Peer, Place
from benchmarks.rivals.running import Running, Unfit, run_server, wait_right
from benchmarks.servers import find_port
from benchmarks.spike import CONNECTIONS, PATIENCE, play
from benchmarks.tables import table
from benchmarks.workloads import CALL, ENTRY, KEEP, TRAIN, WORKLOADS, list_cases
from jupyter_deploy.traffic.job import Case, write_request

MODEL = "w1"
"""The same pipeline as that of the spike."""
NAMES = ("nbdeploy", "fastapi", "bentoml", "bentoml-batching", "mlserver", "mlserver-batching", "litserve",
         "litserve-batching")
COUNT = {"quick": 1_000, "full": 10_000}
SLOWEST = 200
"""Requests a second of the slowest, by which the last of them has to be answered."""
CASES = 16
WORKERS = {"BENCH_WORKERS": str(os.cpu_count() or 1)}
KEPT = Path(__file__).parent / "results" / "rush.json"


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Start each server, wait for its first right answer, and let all requests come at once."""
    chosen = os.environ.get("NBDEPLOY_PEERS", "").split()
    before = json.loads(KEPT.read_text())["figures"] if chosen and KEPT.exists() else {}
    found: dict[str, Any] = before.get("peers", {})
    missing: dict[str, str] = before.get("missing", {})
    versions: dict[str, Any] = before.get("versions", {})
    count = int(os.environ.get("NBDEPLOY_RUSH", COUNT["quick" if quick else "full"]))
    with workspace() as place:
        bundle = _deploy(place)
        for peer in (one for one in PEERS if one.name in (chosen or NAMES)):
            quiet.probe()
            missing.pop(peer.name, None)
            try:
                if peer.environment is not None:
                    install(peer.environment)
                    versions[peer.name] = read_versions(peer.environment)
                found[peer.name] = _rush(place, peer, Place(place.folder, MODEL, bundle, bundle), count)
            except (NotInstalled, Unfit) as reason:
                missing[peer.name] = str(reason)
            print(peer.name, found.get(peer.name), missing.get(peer.name), file=sys.stderr, flush=True)
    return {"count": count, "workers": WORKERS, "peers": found, "missing": missing, "versions": versions}


def _deploy(place: Workspace) -> Bundle:
    with Kernel(place) as kernel:
        kernel.run("%load_ext jupyter_deploy", TRAIN, KEEP, ENTRY.format(model=MODEL), CALL.format(model=MODEL))
        done = kernel.deploy(f"{MODEL}_risk --name {MODEL}")
        told = kernel.read("__import__('psutil').Process(_endpoint.status.details['pids'][0]).cmdline()")
    place.stop_supervisor()
    paths = [part for number, one in enumerate(told) if one == "--path" for part in (one, told[number + 1])]
    bundle = Path(done["bundle"])
    return Bundle(bundle, (sys.executable, "-I", "-S", str(bundle / "runtime" / "__main__.py"), "serve", *paths))


def _rush(place: Workspace, peer: Peer, own: Place, count: int) -> dict[str, Any]:
    port, cases = find_port(), list_cases(place.folder, WORKLOADS[0])[:CASES]
    start = peer.start(own, port)
    start = dataclasses.replace(start, variables={**start.variables, **WORKERS})
    with run_server(start, port, own.own("log") / f"{peer.name}.txt", alone=False) as running:
        seconds = wait_right(running, peer, peer.route(MODEL), cases[0])
        time.sleep(2.0)  # other workers of it may still be starting
        asked = tuple(_learn(running, peer, one) for one in cases)
        return {**play(place, port, asked, f"{count} at once", lambda: running.measure_memory()["rss"],
                       patience=max(PATIENCE, count / SLOWEST)), "start": seconds}


def _learn(running: Running, peer: Peer, case: Any) -> Case:
    """Ask alone, hold the answer against the notebook's, and take it, whatever its form, for the right one."""
    path, body = peer.route(MODEL), peer.body(case.rows)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.request("POST", path, body, {"content-type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    apart = max(abs(one - other) for one, other in zip(peer.read(answer), case.answers, strict=True))
    if response.status != 200 or apart > max(peer.tolerance, 1e-12):
        raise Unfit(f"status {response.status}, {apart:.1e} from the notebook's")
    return Case(MODEL, write_request(path.lstrip("/"), body.encode(), ()), answer)


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    titles = {peer.name: peer.title for peer in PEERS}
    rows = []
    for name in NAMES:
        one = figures["peers"].get(name)
        if one is None:
            rows.append([titles[name], *[""] * 8, figures["missing"].get(name, "not measured")])
            continue
        rate = one["good"] / one["duration"]
        rows.append([titles[name], f"{one['sent']:,}", f"{one['good']:,}", f"{one['rejected']:,}", f"{one['lost']:,}",
                     f"{one['wrong']:,}", f"{rate:,.0f}", f"{one['first'] * 1000:,.0f}", f"{one['start']:,.1f}",
                     f"{one['memory_first'] / 1e6:,.0f} → {one['memory_last'] / 1e6:,.0f}"])
    head = ["server", "asked", "answered", "refused", "lost", "wrong", "requests/s", "first answer, ms", "start, s",
            "MB, before → after"]
    versions = sorted({f"{name} {number}" for one in figures["versions"].values() for name, number in one.items()})
    return (f"{table(head, rows)}\n\n{CONNECTIONS} connections at most, {figures['workers']['BENCH_WORKERS']} workers "
            f"where a server can have some (nbdeploy and MLServer: one process). Versions: {', '.join(versions)}.")
