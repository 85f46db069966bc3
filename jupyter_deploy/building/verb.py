"""The grammar of `nbdeploy build`, and the way from the command line to an image."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jupyter_deploy.options import add_parameters

_OPTIONS = ("tag", "push", "base", "platform", "golden", "lambda_adapter")


def add_build(verbs: Any) -> None:
    """Add the verb to the grammar of the command."""
    build = verbs.add_parser(
        "build", help="build a container image and prove it in a container",
        description="Build an image of an endpoint's live version, of a bundle, or of a notebook, which is run for it; "
                    "it gets its name when a container of it has answered the golden calls as the notebook did.")
    build.set_defaults(run=_build)
    build.add_argument("what", metavar="NAME|BUNDLE|NOTEBOOK", help="an endpoint, a bundle's folder, or a notebook")
    add_parameters(build, "of a notebook: YAML with names and values")
    build.add_argument("--entry", action="append", default=[], metavar="ENTRY|MODEL",
                       help="of a notebook: what to serve; can be repeated")
    build.add_argument("--tag", metavar="T", help="the image's name (default: NAME:VERSION)")
    build.add_argument("--push", action="store_true", help="push the image, with your docker login")
    build.add_argument("--base", metavar="IMAGE", help="the image to build on (default: python:3.x-slim)")
    build.add_argument("--platform", metavar="P", help="linux/amd64 or linux/arm64 (default: the engine's own)")
    build.add_argument("--no-golden", dest="golden", action="store_false",
                       help="leave the golden calls out of the image once it is proven: they may hold people's data")
    build.add_argument("--lambda", dest="lambda_adapter", action="store_true",
                       help="add the AWS Lambda Web Adapter, which does nothing elsewhere")
    build.add_argument("--json", action="store_true", help="print JSON")
    build.add_argument("--target", metavar="T", help="of an endpoint: where it is deployed (default: where it is)")
    build.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _build(arguments: argparse.Namespace) -> None:
    from jupyter_deploy.image.build import check_reference
    from jupyter_deploy.image.listing import format_image

    options = {name: getattr(arguments, name) for name in _OPTIONS}
    if arguments.tag:
        check_reference(arguments.tag)  # before a notebook runs for it
    is_notebook = Path(arguments.what).suffix == ".ipynb"
    image = _build_notebook(arguments, options) if is_notebook else _build_bundle(arguments, options)
    if arguments.json:
        sys.stdout.write(json.dumps(image, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(format_image(image) + "\n")


def _build_bundle(arguments: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    from jupyter_deploy.image import BuildOptions, build_image
    from jupyter_deploy.image.listing import dump_image, format_step
    from jupyter_deploy.report import Stage

    return dump_image(build_image(
        _find_bundle(arguments), options=BuildOptions(**options),
        report=lambda *stage: _tell(str(Stage(*stage))), say=lambda step: _tell(format_step(step))))


def _build_notebook(arguments: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    """Run the notebook; its own `%deploy` line builds, or one that is added at its end."""
    from jupyter_deploy.execution import execute_and_deploy
    from jupyter_deploy.magics import BUILD
    from jupyter_deploy.recipe import DeployOptions
    from jupyter_deploy.retraining import read_parameters
    from jupyter_deploy.unattended import Run

    parameters = read_parameters(arguments)
    _tell(f"running {arguments.what}")
    outcome = execute_and_deploy(Run(Path(arguments.what), parameters), arguments.entry, DeployOptions(),
                                 more={BUILD: json.dumps(options)}, whole=False)
    for warning in outcome["warnings"]:
        _tell(f"warning: {warning}")
    return outcome


def _find_bundle(arguments: argparse.Namespace) -> Path:
    from jupyter_deploy.runtime.manifest import MANIFEST
    from jupyter_deploy.targets.deployments import find_target_of

    if (Path(arguments.what) / MANIFEST).is_file():
        return Path(arguments.what)
    status = find_target_of(arguments.what, arguments.target).status(arguments.what)[0]
    return Path(next(version.bundle for version in status.versions if version.version == status.version))


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
