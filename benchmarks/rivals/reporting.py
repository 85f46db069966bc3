"""The tables of the comparison."""

from __future__ import annotations

from typing import Any

from benchmarks.rivals.peers import PEERS
from benchmarks.tables import milliseconds, table
from benchmarks.workloads import WORKLOADS, Workload

NAMES = {peer.name: peer for peer in PEERS}
CEILING = "raw"
"""What the ratios to the ceiling are to: a raw ASGI application with the same compiled model."""


def describe(figures: dict[str, Any]) -> str:
    """Write the tables."""
    parts = [f"**{one.name}**: {one.title}\n\n{_describe_workload(figures['peers'], one)}" for one in WORKLOADS]
    parts += [f"Start and memory, with the model of W2\n\n{_describe_starts(figures['peers'])}",
              f"Goals\n\n{_describe_goals(figures['peers'])}"]
    versions = {f"{name} {number}" for one in figures["versions"].values() for name, number in one.items()}
    parts.append(f"Versions: {', '.join(sorted(versions))}. Medians of {figures['rounds']} rounds of "
                 f"{figures['seconds']:g} s, ordinary servers in the first only. All answers were right, except "
                 "where a server is said not to have been measured.")
    parts += [f"- Not measured: {name}: {reason}" for name, reason in sorted(figures["missing"].items())]
    return "\n\n".join(parts)


def rate(peers: dict[str, Any], name: str, workload: str, connections: int) -> float | None:
    """Give the requests a second of a server, if it was measured."""
    found = _find(peers, name, workload, connections)
    return None if found is None else found["rate"]["median"]


def _find(peers: dict[str, Any], name: str, workload: str, connections: int) -> dict[str, Any] | None:
    one: dict[str, Any] | None = peers.get(name, {}).get("loads", {}).get(workload, {}).get(str(connections))
    return one


def best(peers: dict[str, Any], workload: str, connections: int) -> float | None:
    """Give the requests a second of the best ordinary server."""
    rates = [rate(peers, name, workload, connections) for name, peer in NAMES.items() if peer.kind == "peer"]
    return max((one for one in rates if one is not None), default=None)


def _ratio(mine: float | None, theirs: float | None) -> str:
    return "" if mine is None or not theirs else f"{mine / theirs:.2g}"


def _describe_workload(peers: dict[str, Any], workload: Workload) -> str:
    counts, rows = workload.connections, []
    most = counts[-1]
    for name in peers:
        found = {count: _find(peers, name, workload.name, count) for count in counts}
        ones = [one for one in found.values() if one is not None]
        if not ones:
            continue
        last = found[most]
        mine = None if last is None else last["rate"]["median"]
        rows.append([
            NAMES[name].title, *("" if one is None else f"{one['rate']['median']:.0f}" for one in found.values()),
            *("" if one is None else f"{milliseconds(one['p50']['median'])} / {milliseconds(one['p99']['median'])}"
              for one in (found[counts[0]], last)),
            _ratio(mine, best(peers, workload.name, most)), _ratio(mine, rate(peers, CEILING, workload.name, most)),
            f"{sum(one['errors'] for one in ones):.0f}",
        ])
    head = ["server, one worker", *(f"c={count}, requests/s" for count in counts),
            *(f"p50 / p99 at c={count}, ms" for count in (counts[0], most)),
            f"to the best peer, c={most}", f"to the ceiling, c={most}", "errors"]
    return table(head, rows)


def _describe_starts(peers: dict[str, Any]) -> str:
    rows = []
    for name, one in peers.items():
        start = one["starts"].get("w2")
        if start is not None:
            rows.append([NAMES[name].title, f"{start['seconds']:.2f}", f"{start['rss'] / 1e6:.0f}",
                         f"{start['pss'] / 1e6:.0f}", f"{start['processes']:.0f}",
                         f"{start['W2_difference']:.0e}" if start["W2_difference"] else "0"])
    head = ["server", "process start to first right answer, s", "memory after the load, MB (RSS)",
            "with shared pages shared (PSS)", "processes", "largest difference from the notebook"]
    return table(head, rows)


def _describe_goals(peers: dict[str, Any]) -> str:
    ours, rows = "nbdeploy", []

    def compare(what: str, workload: str, connections: int, other: float | None, goal: float, mine: str = ours) -> None:
        own = rate(peers, mine, workload, connections)
        if own is not None and other:
            rows.append([f"{what}, {workload}, c={connections}", f"{goal:g} x", f"{own / other:.2f} x",
                         "yes" if own / other >= goal else "**no**"])

    for workload in ("W1", "W2", "W3"):
        for connections, goal in ((64, 3.0), (16, 3.0), (1, 1.1)):
            compare("to the raw app, same compiled model", workload, connections,
                    rate(peers, CEILING, workload, connections), goal)
    compare("to the raw app, same compiled model", "W4", 16, rate(peers, CEILING, "W4", 16), 1.3)
    for workload, goal in (("W1", 20.0), ("W2", 30.0), ("W3", 20.0)):
        compare("to the best ordinary server", workload, 64, best(peers, workload, 64), goal)
    compare("to tuned FastAPI, same compiled model", "W1", 64, rate(peers, "fastapi-compiled", "W1", 64), 10.0)
    compare("`--exact` to MLServer with adaptive batching", "W2", 64, rate(peers, "mlserver-batching", "W2", 64), 2.0,
            mine="nbdeploy-exact")
    rows += _limits(peers, ours)
    return table(["goal", "wanted", "found", "met"], rows)


def _limits(peers: dict[str, Any], ours: str) -> list[list[str]]:
    rows = []
    for workload in ("W1", "W2", "W3"):
        found = _find(peers, ours, workload, 64)
        if found is not None:
            slow = found["p99"]["median"] * 1000
            rows.append([f"p99, {workload}, c=64", "below 10 ms", f"{slow:.1f} ms", "yes" if slow < 10 else "**no**"])
    start = peers.get(ours, {}).get("starts", {}).get("w2")
    if start is not None:
        rows.append(["start to first right answer, W2", "below 0.5 s", f"{start['seconds']:.2f} s",
                     "yes" if start["seconds"] < 0.5 else "**no**"])
        size = start["rss"] / 1e6
        rows.append(["memory, W2", "below 90 MB", f"{size:.0f} MB", "yes" if size < 90 else "**no**"])
    return rows
