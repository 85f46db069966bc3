"""`nbdeploy up`: a notebook runs, and its service goes live: on new data a new version, if it is good enough."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jupyter_deploy.check.job import read_parameter_sets
from jupyter_deploy.errors import UsageError
from jupyter_deploy.execution import deploys, execute_and_deploy, load_document
from jupyter_deploy.gate import parse_gate
from jupyter_deploy.options import read_deploy_options, read_value
from jupyter_deploy.recipe import DeployOptions
from jupyter_deploy.targets.target import build_options, find_target
from jupyter_deploy.unattended import Run

_ALONE = ("workers", "min", "max", "idle", "port")
"""Settings that make sense, or none, whatever the notebook's own line says of others."""


def bring_up(arguments: argparse.Namespace) -> int:
    """Run the notebook, deploy, say what came of it, and give the exit code (raises `DeployError`)."""
    gate = None if arguments.promote_if is None else parse_gate(arguments.promote_if)
    run = Run(arguments.notebook, read_parameters(arguments), arguments.output, arguments.kernel,
              arguments.start_timeout, arguments.cell_timeout)
    options = read_deploy_options(arguments, ())
    _check_settings(run, arguments.entry, options)
    sys.stderr.write(f"running {arguments.notebook}\n")
    outcome = execute_and_deploy(run, arguments.entry, options, gate=gate)
    if arguments.json:
        sys.stdout.write(json.dumps(outcome, indent=2, ensure_ascii=False) + "\n")
    else:
        for warning in outcome["warnings"]:
            sys.stderr.write(f"warning: {warning}\n")
        sys.stdout.write("\n".join(_tell(outcome)) + "\n")
    return 0 if outcome.get("gate", {"met": True})["met"] else 1


def _check_settings(run: Run, entries: Sequence[str], options: DeployOptions) -> None:
    """Refuse settings that make no sense together before anything runs (raises `UsageError`).

    The notebook's own `%deploy` line may complete the others.
    """
    settings = {**options.settings, **({} if options.api_key is None else {"api_key": options.api_key})}
    if not entries and deploys(load_document(run)):
        settings = {name: value for name, value in settings.items() if name in _ALONE}
    build_options(find_target(options.target), settings)


def read_parameters(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Read the parameters of one run (raises `UsageError` when a file holds several sets)."""
    given = {name: read_value(value) for name, value in arguments.parameter}
    sets = read_parameter_sets(arguments.parameters, given)
    if len(sets) > 1:
        raise UsageError(f"wanted one set of parameters, found {len(sets)}", where=str(arguments.parameters),
                         advice="a release has one; nbdeploy check takes several")
    return sets[0].values


def _tell(outcome: Mapping[str, Any]) -> Iterator[str]:
    name, url, proof, gate = outcome["name"], outcome["url"], outcome["proof"], outcome.get("gate")
    proven = (f"version {outcome['version']}: {proof['equal']} of {proof['calls']} golden calls answered as in the "
              "notebook")
    if gate is not None and not gate["met"]:
        yield f"{name} is not promoted, and what was live still is: {gate['text']} does not hold"
    elif outcome["beside"]:
        yield f"{name} has a {outcome['beside']} at {url}, {outcome['seconds']:.1f} s after %deploy"
    elif outcome["live"]:
        yield f"{name} is live at {url}, {outcome['seconds']:.1f} s after %deploy"
    else:
        yield f"{name} could go live; it did not, because NBDEPLOY_DRY_RUN is set"
    yield proven
    if gate is not None:
        yield from (f"gate: {reason}" for reason in gate["reasons"])
        yield from (f"  {key} = {value!r}" for key, value in sorted(gate["values"].items()))
    if outcome["beside"]:
        yield f"look: nbdeploy show {name}   go on: nbdeploy promote {name}   take it away: nbdeploy abort {name}"
    elif outcome["live"]:
        yield f"try it: {url}/docs   stop it: nbdeploy stop {name}"
