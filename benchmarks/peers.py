"""Other servers of the same models beside ours: requests, latency, memory and start, in interleaved rounds."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.rivals.installation import NotInstalled, install, read_versions
from benchmarks.rivals.peers import PEERS, Bundle, Peer, Place
from benchmarks.rivals.reporting import describe as describe
from benchmarks.rivals.running import Unfit, check_all, load, run_server, wait_right
from benchmarks.servers import find_port
from benchmarks.workloads import CALL, ENTRY, KEEP, MODELS, TRAIN, WORKLOADS, Workload, list_cases

ROUNDS = {"quick": 1, "full": 3}
PEER_ROUNDS = 1
"""Ordinary servers are in the first rounds only: they are many times slower, and take minutes to start and to check."""
SECONDS = {"quick": 1.0, "full": 2.0}
WARM = 16, 1.0
"""Connections and seconds of load before the windows of a workload, after all answers have been checked."""

Found = dict[str, dict[str, dict[str, list[dict[str, float]]]]]
"""Windows by peer, workload and connections."""


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Deploy, then start each server anew in each round, check all its answers, and load it.

    `NBDEPLOY_PEERS` names those that are measured, with blanks between; without it, all are.
    """
    mode = "quick" if quick else "full"
    chosen = os.environ.get("NBDEPLOY_PEERS", "").split()
    with workspace() as place:
        models = _deploy(place)
        peers, missing = _install([peer for peer in PEERS if not chosen or peer.name in chosen])
        windows: Found = {peer.name: {} for peer in peers}
        starts: dict[str, dict[str, list[dict[str, float]]]] = {peer.name: {} for peer in peers}
        for number in range(ROUNDS[mode]):
            for model in MODELS:
                for peer in peers if number % 2 == 0 else reversed(peers):
                    if peer.kind == "peer" and number >= PEER_ROUNDS:
                        continue
                    quiet.probe()
                    try:
                        _measure_one(peer, models[model], SECONDS[mode], windows[peer.name], starts[peer.name])
                    except Unfit as reason:
                        missing[f"{peer.name}, {model}"] = str(reason)
                        print(f"{peer.name}, {model}: {reason}", file=sys.stderr, flush=True)
        return {"missing": missing, "versions": _list_versions(peers), "rounds": ROUNDS[mode],
                "seconds": SECONDS[mode], "peers": {peer.name: _summarise(windows[peer.name], starts[peer.name])
                                                    for peer in peers}}


def _deploy(place: Workspace) -> dict[str, Place]:
    """Train in a kernel, and deploy each model compiled and as it is."""
    found = {}
    with Kernel(place) as kernel:
        kernel.run("%load_ext jupyter_deploy", TRAIN, KEEP)
        for model in MODELS:
            kernel.run(ENTRY.format(model=model), CALL.format(model=model))
            bundles = [_deploy_one(kernel, model, option) for option in ("", "--exact")]
            found[model] = Place(place.folder, model, *bundles)
    place.stop_supervisor()  # the bundles stay, and nothing else runs beside what is measured
    return found


def _deploy_one(kernel: Kernel, model: str, option: str) -> Bundle:
    done = kernel.deploy(f"{model}_risk --name {model}{option.replace('--', '-')} {option}")
    told = kernel.read("__import__('psutil').Process(_endpoint.status.details['pids'][0]).cmdline()")
    paths = [part for place, one in enumerate(told) if one == "--path" for part in (one, told[place + 1])]
    bundle = Path(done["bundle"])
    return Bundle(bundle, (sys.executable, "-I", "-S", str(bundle / "runtime" / "__main__.py"), "serve", *paths))


def _install(peers: list[Peer]) -> tuple[list[Peer], dict[str, str]]:
    ready, missing = [], {}
    for peer in peers:
        try:
            if peer.environment is not None:
                install(peer.environment)
            ready.append(peer)
        except NotInstalled as reason:
            missing[peer.name] = str(reason)
    return ready, missing


def _list_versions(peers: list[Peer]) -> dict[str, dict[str, str]]:
    return {peer.name: read_versions(peer.environment) for peer in peers if peer.environment is not None}


def _measure_one(peer: Peer, place: Place, seconds: float, windows: dict[str, dict[str, list[dict[str, float]]]],
                 starts: dict[str, list[dict[str, float]]]) -> None:
    """Start a server with a model, and load it with the workloads of that model."""
    port, path = find_port(), peer.route(place.model)
    own = [one for one in WORKLOADS if one.model == place.model]
    with run_server(peer.start(place, port), port, place.own("log") / f"{peer.name}.txt") as running:
        start = {"seconds": wait_right(running, peer, path, list_cases(place.folder, own[0])[0])}
        for workload in own:
            start |= {f"{workload.name}_{key}": value for key, value in _check(running, peer, place, workload).items()}
            bodies = place.folder / f"{peer.name}-{workload.name}.txt"
            load(running, path, bodies, *WARM)
            for connections in workload.connections:
                done = load(running, path, bodies, connections, seconds)
                windows.setdefault(workload.name, {}).setdefault(str(connections), []).append(done)
                time.sleep(0.1)  # the server drops what wrk no longer waits for
        starts.setdefault(place.model, []).append({**start, **running.measure_memory()})


def _check(running: Any, peer: Peer, place: Place, workload: Workload) -> dict[str, Any]:
    cases = list_cases(place.folder, workload)
    (place.folder / f"{peer.name}-{workload.name}.txt").write_text("\n".join(peer.body(case.rows) for case in cases))
    return check_all(running, peer, peer.route(place.model), cases)


def _summarise(windows: dict[str, dict[str, list[dict[str, float]]]], starts: dict[str, list[dict[str, float]]]
               ) -> dict[str, Any]:
    loads = {
        workload: {connections: {**{key: summarise([one[key] for one in ones]) for key in ("rate", "p50", "p99")},
                                 "errors": sum(one["errors"] for one in ones)}
                   for connections, ones in counts.items()}
        for workload, counts in windows.items()
    }
    first = {model: {key: statistics.median(one[key] for one in ones) for key in ones[0]}
             for model, ones in starts.items()}
    return {"loads": loads, "starts": first}
