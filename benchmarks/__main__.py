"""The command `python -m benchmarks`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from types import ModuleType

from benchmarks import (
    capturing,
    checking,
    compiling,
    images,
    live,
    panel,
    peers,
    releases,
    rush,
    serving,
    sharing,
    spike,
    starting,
    static,
    waking,
    workers,
)
from benchmarks.machine import Quiet, describe_machine
from benchmarks.tables import describe_circumstances, replace_part

RESULTS = Path(__file__).parent / "results"
BENCHMARKS: dict[str, ModuleType] = {
    "live": live, "capturing": capturing, "starting": starting, "serving": serving, "peers": peers, "workers": workers,
    "static": static, "compiling": compiling, "images": images, "checking": checking, "panel": panel,
    "releases": releases, "spike": spike, "rush": rush, "waking": waking, "sharing": sharing,
}
"""Each has `measure(quick, quiet)`, which gives figures as JSON, and `describe(figures)`, which gives Markdown."""


def main() -> None:
    """Measure, and write benchmarks/results and the tables of docs/performance.md."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; none means all")
    parser.add_argument("--quick", action="store_true", help="few short rounds, printed and not written")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}")
    for name in arguments.names or BENCHMARKS:
        _run(name, quick=arguments.quick)


def _run(name: str, *, quick: bool) -> None:
    quiet = Quiet()
    quiet.probe()
    figures = BENCHMARKS[name].measure(quick=quick, quiet=quiet)
    result = {
        "date": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        "machine": describe_machine(),
        "noise": quiet.describe(),
        "figures": figures,
    }
    text = f"{BENCHMARKS[name].describe(figures)}\n\n{describe_circumstances(result)}"
    print(f"{name}\n\n{text}\n", flush=True)
    if not quick:
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        replace_part(name, text)


if __name__ == "__main__":
    main()
