"""`nbdeploy rehearse`: the grammar, the limits, and the way from the command line to a report."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_deploy.errors import TargetError, UsageError
from jupyter_deploy.options import read_key, read_workers

if TYPE_CHECKING:
    from jupyter_deploy.targets.target import Status
    from jupyter_deploy.traffic.figures import Outcome, Second
    from jupyter_deploy.traffic.rehearsing import Rehearsal

ASKED = (2_000_000, 15 * 60.0)
"""Requests and seconds above which `--yes` is wanted."""
MOST = (50_000_000, 24 * 3600.0)
"""Requests and seconds that a rehearsal may have."""
CONNECTIONS = 256
PATIENCE = 30.0


def add_rehearse(verbs: Any) -> None:
    """Add the verb to the grammar of the command."""
    rehearse = verbs.add_parser(
        "rehearse", help="play a shape of traffic against an endpoint, or a copy of it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Play a shape of traffic, or a recorded log, with the golden calls of the version that is live;\n"
                    "check every answer, and report throughput, latency, workers, and what was rejected or lost.\n"
                    "Exit code 0: nothing was lost, wrong or failed; 1: something was; 2: wrong use.",
        epilog="shapes, one after the other with ; between:\n"
               "  100/min for 1m          an even rate: /s, /min or /h\n"
               "  10/s to 500/s in 30s    a rate that grows, or falls\n"
               "  1000000 in 2m           so many, evenly spread\n"
               "  1000 at once            all in one moment\n"
               "  nothing for 5m          silence")
    rehearse.set_defaults(run=run_rehearse)
    rehearse.add_argument("name", metavar="NAME", help="the endpoint's name")
    rehearse.add_argument("shape", nargs="?", metavar="SHAPE", help="such as '100/min for 1m; 1000000 in 2m'")
    rehearse.add_argument("--log", type=Path, metavar="FILE",
                          help="play recorded requests instead: JSON lines or CSV with time and perhaps entry and body")
    rehearse.add_argument("--speed", type=float, default=1.0, metavar="X", help="play the log so many times faster")
    rehearse.add_argument("--copy", action="store_true",
                          help="play against a copy of the version on this machine, which is gone afterwards")
    rehearse.add_argument("--workers", type=read_workers, metavar="N|auto",
                          help="workers of the copy (default: as the endpoint has)")
    rehearse.add_argument("--connections", type=int, default=CONNECTIONS, metavar="N",
                          help=f"the most connections at a time (default: {CONNECTIONS})")
    rehearse.add_argument("--patience", type=float, default=PATIENCE, metavar="S",
                          help=f"seconds for which the last answers are waited for (default: {PATIENCE:g})")
    rehearse.add_argument("--api-key", metavar="KEY", help="the endpoint's key; $NAME takes it from the environment")
    rehearse.add_argument("--yes", action="store_true",
                          help=f"more than {ASKED[0]:,} requests or {ASKED[1] / 60:g} minutes are meant")
    rehearse.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page with charts")
    rehearse.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    rehearse.add_argument("--target", metavar="T", help="where it is deployed (default: where it is)")
    rehearse.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run_rehearse(arguments: argparse.Namespace) -> int:
    """Rehearse, and give the exit code (raises `DeployError`)."""
    # Imported here: the grammar is built for every verb of the command.
    from jupyter_deploy.targets.deployments import find_target_of
    from jupyter_deploy.traffic.rehearsing import rehearse
    from jupyter_deploy.traffic.report import write_report

    _check_use(arguments)
    target = find_target_of(arguments.name, arguments.target)
    _check_deployed(target.name, arguments.name)
    planned = _plan(arguments, lambda: target.status(arguments.name)[0])
    with _audience(arguments, planned) as rehearsal:
        _tell_beside(rehearsal.status)
        outcome = rehearse(rehearsal, _show_progress())
    sys.stderr.write("\r\033[K" if sys.stderr.isatty() else "")
    sys.stdout.write(write_report(outcome) + "\n")
    _write_files(arguments, outcome)
    return 0 if outcome.holds else 1


def _check_use(arguments: argparse.Namespace) -> None:
    if (arguments.shape is None) == (arguments.log is None):
        raise UsageError("say what to play: a shape, or --log FILE",
                         advice=f"nbdeploy rehearse {arguments.name} '100/min for 1m; 1000000 in 2m'")
    if arguments.workers is not None and not arguments.copy:
        raise UsageError("--workers says how many a copy has", advice="add --copy")
    for option, value in (("--connections", arguments.connections), ("--patience", arguments.patience),
                          ("--speed", arguments.speed)):
        if value <= 0:
            raise UsageError(f"{option}: wanted more than 0, found {value:g}")
    for path in (arguments.html, arguments.json):
        # What cannot be written is told before anything is played.
        if path is not None and not path.resolve().parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.resolve().parent}")


def _check_deployed(target: str, name: str) -> None:
    """Refuse a name that nothing has (`UsageError`): nothing was lost or wrong, so it is not exit code 1."""
    from jupyter_deploy.targets.deployments import find_records

    try:
        find_records(target, name)
    except TargetError as error:
        raise UsageError(error.message, advice=error.advice) from error


def _tell_beside(status: Status) -> None:
    """Say what a version that is tried beside the live one means for the figures."""
    if status.rollout is None:
        return
    version = status.rollout["version"]
    if status.rollout["mode"] == "shadow":
        text = f"version {version} gets copies of the requests and computes them on the same machine"
    else:
        text = (f"version {version} answers {status.rollout['share']:.0%} of the requests (canary); only the answers "
                f"of {status.version}\n  are held against its notebook, those of {version} are told apart")
    sys.stderr.write(f"note: {text}\n  → --copy plays against {status.version} alone\n")


def _plan(arguments: argparse.Namespace, look: Callable[[], Status]) -> Rehearsal:
    """Find out what is to be played against whom (raises `UsageError`)."""
    from jupyter_deploy.runtime.manifest import read_manifest
    from jupyter_deploy.traffic.calls import read_golden, read_recorded
    from jupyter_deploy.traffic.job import Job
    from jupyter_deploy.traffic.recording import read_recording
    from jupyter_deploy.traffic.rehearsing import Rehearsal, address
    from jupyter_deploy.traffic.shape import parse_shape

    status = look()
    bundle = Path(next(version.bundle for version in status.versions if version.version == status.version))
    manifest = read_manifest(bundle)
    key = read_key(arguments.api_key)
    headers = (("x-api-key", key),) if key else ()
    host, port = address(status)
    recorded: tuple[tuple[float, int], ...] = ()
    if arguments.log is None:
        shape = parse_shape(arguments.shape)
        count, seconds, peak, text = shape.count, shape.seconds, shape.peak, shape.text
        _check_size(arguments, count, seconds)
        cases = read_golden(bundle, manifest, headers)
    else:
        requests = read_recording(arguments.log, speed=arguments.speed)
        count, seconds, text = len(requests), requests[-1].moment, arguments.log.name
        peak = _find_peak([one.moment for one in requests])
        _check_size(arguments, count, seconds)
        cases, recorded = read_recorded(requests, bundle, manifest, headers)
    job = Job(host, port, cases, arguments.shape, recorded, manifest.tolerance, arguments.connections,
              arguments.patience, status.version)
    return Rehearsal(status.name, status, look, job, text, count, peak)


def _check_size(arguments: argparse.Namespace, count: int, seconds: float) -> None:
    said = f"{count:,} requests in {seconds / 60:,.1f} minutes"
    if count > MOST[0] or seconds > MOST[1]:
        raise UsageError(f"{said} are too many",
                         advice=f"a rehearsal has at most {MOST[0]:,} requests and {MOST[1] / 3600:g} hours")
    if (count > ASKED[0] or seconds > ASKED[1]) and not arguments.yes:
        raise UsageError(f"{said} are more than {ASKED[0]:,} requests or {ASKED[1] / 60:g} minutes",
                         advice="add --yes if that is what you mean")


def _find_peak(moments: list[float]) -> float:
    """Give the most requests in one second of the clock."""
    counts: dict[int, int] = {}
    for moment in moments:
        counts[int(moment)] = counts.get(int(moment), 0) + 1
    return float(max(counts.values()))


@contextlib.contextmanager
def _audience(arguments: argparse.Namespace, planned: Rehearsal) -> Iterator[Rehearsal]:
    """Give the rehearsal with who is to be called: the endpoint itself, or a copy for as long as it takes."""
    import dataclasses

    from jupyter_deploy.traffic.rehearsing import address

    if not arguments.copy:
        if planned.status.state in ("stopped", "failed"):
            raise UsageError(f"{arguments.name} is {planned.status.state}", advice=f"nbdeploy start {arguments.name}")
        yield planned
        return
    from jupyter_deploy.traffic.copies import running_copy

    with running_copy(planned.status, workers=arguments.workers) as look:
        status = look()
        host, port = address(status)
        job = dataclasses.replace(planned.job, host=host, port=port)
        yield dataclasses.replace(planned, status=status, look=look, job=job, copied=True)


def _show_progress() -> Callable[[Second], None]:
    """Give what shows each second: in place on a terminal, elsewhere a line for the first and each tenth."""
    from jupyter_deploy.traffic.report import format_progress

    live = sys.stderr.isatty()

    def show(second: Second) -> None:
        if live:
            sys.stderr.write(f"\r\033[K{format_progress(second)}")
            sys.stderr.flush()
        elif second.number % 10 == 0:
            sys.stderr.write(format_progress(second) + "\n")

    return show


def _write_files(arguments: argparse.Namespace, outcome: Outcome) -> None:
    from jupyter_deploy.traffic.page import write_page

    if arguments.html is not None:
        arguments.html.write_text(write_page(outcome), encoding="utf-8")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(outcome.dump(), indent=1) + "\n", encoding="utf-8")
