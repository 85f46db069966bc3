"""The command `nbdeploy`."""

from __future__ import annotations

import argparse
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
    except KeyboardInterrupt:
        sys.stderr.write("nbdeploy: interrupted\n")
        return 1
    except BrokenPipeError:
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Build the grammar of the command."""
    from jupyter_deploy.check.verb import add_check

    parser = Parser(prog="nbdeploy", description="From a notebook cell to a proven live endpoint.")
    parser.add_argument("--version", action="version", version=f"nbdeploy {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    _add_up(verbs)
    add_check(verbs)
    _add_verb(verbs, "ls", _list, "list the endpoints", name=False, as_json=True)
    _add_verb(verbs, "show", _show, "show an endpoint with its versions and events", as_json=True)
    logs = _add_verb(verbs, "logs", _logs, "show the last log records", as_json=True)
    logs.add_argument("-n", "--lines", type=int, default=100, metavar="N", help="how many (default: 100)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    _add_verb(verbs, "metrics", _metrics, "show the figures of the last minutes")
    _add_verb(verbs, "stop", _stop, "take an endpoint off the air; start brings it back")
    start = _add_verb(verbs, "start", _start, "bring back a stopped endpoint", name=False)
    start.add_argument("name", nargs="?", metavar="NAME")
    start.add_argument("--all", action="store_true", help="all that should be live, after the machine was restarted")
    back = _add_verb(verbs, "rollback", _rollback, "go back to the version before")
    back.add_argument("--to", metavar="VERSION", help="the version to go back to")
    _add_verb(verbs, "rm", _delete, "stop an endpoint and forget it")
    _add_build(verbs)
    export = _add_verb(verbs, "export", _export, "write the live version as a plain project that needs no nbdeploy")
    export.add_argument("folder", type=Path, metavar="DIR")
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


def _add_build(verbs: Any) -> None:
    build = _add_verb(verbs, "build", _build, "build a container image and prove it in a container", name=False,
                      as_json=True)
    build.add_argument("what", metavar="NAME|BUNDLE", help="an endpoint, whose live version is taken, or a bundle's "
                                                           "folder")
    build.add_argument("--tag", metavar="T", help="the image's name (default: NAME:VERSION)")
    build.add_argument("--push", action="store_true", help="push the image, with your docker login")
    build.add_argument("--base", metavar="IMAGE", help="the image to build on (default: python:3.x-slim)")
    build.add_argument("--platform", metavar="P", help="linux/amd64 or linux/arm64 (default: the engine's own)")
    build.add_argument("--no-golden", dest="golden", action="store_false",
                       help="leave the golden calls out of the image once it is proven: they may hold people's data")
    build.add_argument("--lambda", dest="lambda_adapter", action="store_true",
                       help="add the AWS Lambda Web Adapter, which does nothing elsewhere")


def _add_verb(verbs: Any, verb: str, run: _Run, text: str, *, name: bool = True, as_json: bool = False) -> Any:
    parser = verbs.add_parser(verb, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    if name:
        parser.add_argument("name", metavar="NAME", help="the endpoint's name")
    if as_json:
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
    import dataclasses

    return dataclasses.asdict(status)


def _logs(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.listing import format_record

    for record in _target(arguments).logs(arguments.name, lines=arguments.lines, follow=arguments.follow):
        _print(json.dumps(record) if arguments.json else format_record(record))


def _metrics(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.endpoint import find_endpoint

    _print(repr(find_endpoint(arguments.name, target=arguments.target).metrics()))


def _stop(arguments: argparse.Namespace) -> None:
    _target(arguments).stop(arguments.name)
    _print(f"{arguments.name} is stopped; nbdeploy start {arguments.name} brings it back")


def _start(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.listing import format_statuses
    from jupyter_deploy.targets.deployments import find_targets

    if (arguments.name is None) != arguments.all:
        raise UsageError("name the endpoint to start, or say --all")
    targets = find_targets(arguments.target) if arguments.all else (_target(arguments),)
    _print(format_statuses([status for target in targets for status in target.start(arguments.name)]))


def _rollback(arguments: argparse.Namespace) -> None:
    deployment = _target(arguments).rollback(arguments.name, arguments.to)
    _print(f"{deployment.name} is back at version {deployment.version}, live at {deployment.url}")


def _delete(arguments: argparse.Namespace) -> None:
    _target(arguments).delete(arguments.name)
    _print(f"{arguments.name} is gone")


def _build(arguments: argparse.Namespace) -> None:
    import dataclasses

    from jupyter_deploy.image import BuildOptions, build_image
    from jupyter_deploy.image.listing import format_image, format_stage, format_step

    options = BuildOptions(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(BuildOptions)
                              if hasattr(arguments, field.name)})
    image = build_image(_find_bundle(arguments), options=options,
                        report=lambda *stage: _tell(format_stage(*stage)), say=lambda step: _tell(format_step(step)))
    if arguments.json:
        _print_json({**dataclasses.asdict(image), "sbom": str(image.sbom), "proof": image.proof.dump()})
    else:
        _print(format_image(image))


def _find_bundle(arguments: argparse.Namespace) -> Path:
    from jupyter_deploy.runtime.manifest import MANIFEST

    if (Path(arguments.what) / MANIFEST).is_file():
        return Path(arguments.what)
    status = _target(arguments).status(arguments.what)[0]
    return Path(next(version.bundle for version in status.versions if version.version == status.version))


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _export(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.export import export

    status = _target(arguments).status(arguments.name)[0]
    bundle = next(version.bundle for version in status.versions if version.version == status.version)
    _print(f"wrote {export(Path(bundle), arguments.folder)}")


def _target(arguments: argparse.Namespace) -> Any:
    from jupyter_deploy.targets.deployments import find_target_of

    return find_target_of(arguments.name, arguments.target)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _print_json(value: Any) -> None:
    _print(json.dumps(value, indent=2, ensure_ascii=False))
