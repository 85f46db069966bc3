"""The command `nbdeploy`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jupyter_deploy import __version__
from jupyter_deploy.errors import DeployError, UsageError
from jupyter_deploy.options import Parser, add_deploy_options, add_parameters

_Run = Callable[[argparse.Namespace], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code: 0 done, 1 the notebook or the service fell short, 2 wrong use."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    if not given:
        sys.stderr.write(build_parser().format_help())
        return 2
    try:
        parsed = build_parser().parse_args(given)
        run: _Run = parsed.run
        return run(parsed) or 0
    except DeployError as error:
        if debug:
            traceback.print_exc()
        sys.stderr.write(f"nbdeploy: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Build the grammar of the command."""
    from jupyter_deploy.building.verb import add_build
    from jupyter_deploy.check.verb import add_check
    from jupyter_deploy.traffic.verb import add_rehearse

    parser = Parser(prog="nbdeploy", description="From a notebook cell to a proven live endpoint.")
    parser.add_argument("--version", action="version", version=f"nbdeploy {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    _add_up(verbs)
    add_check(verbs)
    _add_verb(verbs, "ls", _list, "list the endpoints", name=False)
    _add_verb(verbs, "show", _show, "show an endpoint with its versions and events")
    logs = _add_verb(verbs, "logs", _logs, "show the last log records")
    logs.add_argument("-n", "--lines", type=int, default=100, metavar="N", help="how many (default: 100)")
    logs.add_argument("-f", "--follow", action="store_true", help="keep printing new records, until Ctrl-C")
    _add_verb(verbs, "metrics", _metrics, "show requests, errors and latency of the last five minutes")
    _add_verb(verbs, "stop", _stop, "stop an endpoint; start brings it back")
    start = _add_verb(verbs, "start", _start, "bring back a stopped endpoint", name=False)
    start.add_argument("name", nargs="?", metavar="NAME")
    start.add_argument("--all", action="store_true", help="all that should be live, after a restart of the machine")
    add_rehearse(verbs)
    back = _add_verb(verbs, "rollback", _rollback, "go back to the previous version")
    back.add_argument("--to", metavar="VERSION", help="the version to go to, or its number in show")
    _add_verb(verbs, "promote", _promote, "make the canary or shadow the live version")
    _add_verb(verbs, "abort", _abort, "take the canary or shadow away")
    _add_verb(verbs, "rm", _delete, "stop an endpoint and delete it")
    add_build(verbs)
    export = _add_verb(verbs, "export", _export, "write the live version as a plain project that needs no nbdeploy")
    export.add_argument("folder", type=Path, metavar="DIR")
    export.add_argument("--no-wheels", dest="wheels", action="store_false",
                        help="leave out the wheels that an index has; the README says how to fetch them by hash")
    export.add_argument("--no-image", dest="image", action="store_false", help="leave out what building an image takes")
    export.add_argument("--base", metavar="IMAGE", help="the image to build on (default: python:3.x-slim)")
    export.add_argument("--platform", metavar="P", help="linux/amd64 or linux/arm64 (default: this machine's)")
    return parser


def _add_up(verbs: Any) -> None:
    up = verbs.add_parser(
        "up", help="run a notebook, capture, prove, deploy",
        description="Run a notebook with papermill; then do what its own %%deploy line says, or deploy the functions "
                    "and models named with --entry, or those in cells tagged deploy:entry.")
    up.set_defaults(run=_up)
    up.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    add_parameters(up, "YAML with names and values")
    up.add_argument("--entry", action="append", default=[], metavar="ENTRY|MODEL",
                    help="what to serve; can be repeated")
    up.add_argument("--output", type=Path, metavar="FILE", help="keep the executed notebook")
    up.add_argument("--kernel", metavar="K", help="the kernel to run it with; by default the notebook's own")
    up.add_argument("--cell-timeout", type=int, metavar="S", help="seconds that one cell may take (default: no limit)")
    up.add_argument("--start-timeout", type=int, default=120, metavar="S",
                    help="seconds that the kernel may take to start (default: 120)")
    up.add_argument("--promote-if", metavar="CONDITION",
                    help="go live only if this holds of the metrics that the notebook records and those of the live "
                         "version: 'tests_pass and auc >= previous.auc - 0.01'")
    up.add_argument("--json", action="store_true", help="print one JSON object: name, version, url, proof, seconds")
    add_deploy_options(up)


def _add_verb(verbs: Any, verb: str, run: _Run, text: str, *, name: bool = True) -> Any:
    parser = verbs.add_parser(verb, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    if name:
        parser.add_argument("name", metavar="NAME", help="the endpoint's name")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--target", metavar="T", help="where it is deployed (default: where it is)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    from jupyter_deploy.retraining import bring_up

    return bring_up(arguments)


def _list(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.listing import format_statuses
    from jupyter_deploy.targets.deployments import find_targets

    statuses = [status for target in find_targets(arguments.target) for status in target.status()]
    if arguments.json:
        _print_json([_status_json(status) for status in statuses])
    else:
        _print(format_statuses(statuses))


def _show(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.listing import format_status

    status = _target(arguments).status(arguments.name)[0]
    if arguments.json:
        _print_json(_status_json(status))
    else:
        _print(format_status(status))


def _status_json(status: Any) -> dict[str, Any]:
    return dataclasses.asdict(status)


def _logs(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.listing import format_record

    for record in _target(arguments).logs(arguments.name, lines=arguments.lines, follow=arguments.follow):
        _print(json.dumps(record) if arguments.json else format_record(record))


def _metrics(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.endpoint import find_endpoint

    metrics = find_endpoint(arguments.name, target=arguments.target).metrics()
    _tell_outcome(arguments, metrics.dump(), repr(metrics))


def _stop(arguments: argparse.Namespace) -> None:
    status = _target(arguments).stop(arguments.name)
    _tell_outcome(arguments, _status_json(status),
                  f"{arguments.name} is stopped; nbdeploy start {arguments.name} brings it back")


def _start(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.listing import format_statuses
    from jupyter_deploy.targets.deployments import find_targets

    if (arguments.name is None) != arguments.all:
        raise UsageError("name the endpoint to start, or say --all")
    targets = find_targets(arguments.target) if arguments.all else (_target(arguments),)
    statuses = [status for target in targets for status in target.start(arguments.name)]
    _tell_outcome(arguments, list(map(_status_json, statuses)), format_statuses(statuses))


def _rollback(arguments: argparse.Namespace) -> None:
    deployment = _target(arguments).rollback(arguments.name, arguments.to)
    _tell_outcome(arguments, dataclasses.asdict(deployment),
                  f"{deployment.name} is back at version {deployment.version}, live at {deployment.url}")


def _promote(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.targets.rollout import describe_lacks

    deployment = _target(arguments).promote(arguments.name)
    if deployment.lacks:
        sys.stderr.write(f"warning: {describe_lacks(deployment.lacks)}\n")
    _tell_outcome(arguments, dataclasses.asdict(deployment),
                  f"{deployment.name} is now at version {deployment.version}, live at {deployment.url}")


def _abort(arguments: argparse.Namespace) -> None:
    status = _target(arguments).abort(arguments.name)
    _tell_outcome(arguments, _status_json(status), f"{arguments.name} has only its live version {status.version} now")


def _delete(arguments: argparse.Namespace) -> None:
    _target(arguments).delete(arguments.name)
    _tell_outcome(arguments, {"name": arguments.name}, f"{arguments.name} is gone")


def _export(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.export import ExportOptions, export

    status = _target(arguments).status(arguments.name)[0]
    bundle = next(version.bundle for version in status.versions if version.version == status.version)
    options = ExportOptions(arguments.wheels, arguments.image, arguments.base, arguments.platform)
    folder = export(Path(bundle), arguments.folder, options)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    outcome = {"name": arguments.name, "version": status.version, "folder": str(folder), "bytes": size}
    _tell_outcome(arguments, outcome, f"wrote {folder}, {size / 1e6:.1f} MB")


def _target(arguments: argparse.Namespace) -> Any:
    from jupyter_deploy.targets.deployments import find_target_of

    return find_target_of(arguments.name, arguments.target)


def _tell_outcome(arguments: argparse.Namespace, outcome: Any, text: str) -> None:
    """Tell what was done: as one JSON value for programs, else as text."""
    if arguments.json:
        _print_json(outcome)
    else:
        _print(text)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _print_json(value: Any) -> None:
    _print(json.dumps(value, indent=2, ensure_ascii=False))
