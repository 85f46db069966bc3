"""The kernel's side of a check: `%deploy` rehearses, is asked and measured, and nothing goes live.

`nbdeploy check` sets the environment variable `CHECK` for the kernel it starts. What came of it is written to the file
that the order names, so that it outlives the kernel.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.check.calls import Caller, measure
from jupyter_deploy.check.contract import describe_entries
from jupyter_deploy.check.stand_in import make_stand_ins
from jupyter_deploy.endpoint import Endpoint
from jupyter_deploy.errors import DeployError, ProofError, UsageError
from jupyter_deploy.magics import CHECK
from jupyter_deploy.proof import prove
from jupyter_deploy.recipe import DeployOptions, Rehearsal, Release, rehearse
from jupyter_deploy.runtime.encode import CannotEncode, to_json
from jupyter_deploy.targets.target import Deployment, Report

_MOST_CLASSES = 1000


class CandidateEndpoint(Endpoint):
    """What `%deploy` gives while a notebook is checked: it answers calls, and steers nothing that is live."""

    def stop(self) -> None:
        """Leave the candidate to the check, which takes it away in the end."""

    def rollback(self, version: str | None = None) -> Endpoint:  # noqa: ARG002 - as of a real endpoint
        """Change nothing: a check leaves what is live alone."""
        return self


class _Held:
    """The candidate of this kernel: the last one that `%deploy` rehearsed."""

    def __init__(self, rehearsal: Rehearsal, options: DeployOptions, endpoint: CandidateEndpoint) -> None:
        self.rehearsal = rehearsal
        self.options = options
        self.endpoint = endpoint
        self.caller = Caller(rehearsal.candidate.url, options.api_key)


_held: list[_Held] = []


def rehearse_here(kernel: Kernel, options: DeployOptions, report: Report, recorder: Recorder) -> CandidateEndpoint:
    """Rehearse in place of `%deploy`; the candidate goes on until `finish`, so that test cells can call it.

    Raises
    ------
    DeployError
        As `recipe.rehearse`; it is in the outcome as well.

    """
    order = json.loads(os.environ[CHECK])
    outcome: dict[str, Any] = {}
    finish()
    with ExitStack() as stack:
        stack.callback(lambda: Path(order["outcome"]).write_text(json.dumps(outcome), encoding="utf-8"))
        try:
            rehearsal = rehearse(kernel, options, report, recorder)
        except DeployError as error:
            outcome["error"] = _describe_error(error)
            raise
        release = Release(rehearsal.packaged, rehearsal.proof, Deployment(
            rehearsal.plan.name, rehearsal.plan.target, rehearsal.plan.version, rehearsal.candidate.url, 0.0), 0.0)
        endpoint = CandidateEndpoint(rehearsal.plan.name, target=rehearsal.target, api_key=options.api_key,
                                     release=release)
        held = _Held(rehearsal, options, endpoint)
        _held.append(held)
        outcome["service"] = _describe_service(rehearsal, kernel)
        outcome["service"].update(_ask(held, order["golden"], order["seconds"]))
    return endpoint


def _describe_error(error: DeployError) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": type(error).__name__, "message": error.message, "where": error.where,
                                 "advice": error.advice, "usage": isinstance(error, UsageError)}
    if isinstance(error, ProofError):
        described |= {"differences": [asdict(one) for one in error.differences], "unsteady": error.unsteady}
    return described


def _describe_service(rehearsal: Rehearsal, kernel: Kernel) -> dict[str, Any]:
    packaged, bundle = rehearsal.packaged, rehearsal.packaged.bundle
    golden = [{"entry": call.entry, "source": call.source, "file": call.file} for call in bundle.manifest.golden]
    return {
        "name": rehearsal.plan.name, "version": rehearsal.plan.version, "bundle": str(bundle.folder),
        "size": bundle.size, "proof": rehearsal.proof.dump(), "golden": golden,
        "entries": {name: asdict(one) for name, one in describe_entries(bundle.manifest).items()},
        "classes": _find_classes(packaged.capture.code.state, kernel.names),
        "packages": [{"name": one.name, "version": one.version, "reason": one.reason}
                     for one in packaged.requirements.distributions],
        "findings": [{"code": one.code, "text": one.text, "cell": one.cell} for one in packaged.capture.findings]
                    + [{"code": "package", "text": text, "cell": None} for text in packaged.requirements.warnings],
        "cells": sorted({piece.cell for piece in packaged.capture.code.pieces if piece.cell}),
    }


def _find_classes(state: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Give the classes of each captured classifier, as scikit-learn and those that follow it name them."""
    found = {}
    for name in sorted(state):
        try:
            classes = to_json(getattr(names.get(name), "classes_", None))
        except CannotEncode:
            continue
        if isinstance(classes, list) and len(classes) <= _MOST_CLASSES:
            found[name] = classes
    return found


def _ask(held: _Held, golden: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """Ask the golden calls once more, and those of the contract; then measure."""
    rehearsal, bundle = held.rehearsal, held.rehearsal.packaged.bundle
    again = prove(bundle.folder, bundle.manifest, rehearsal.candidate.url, api_key=held.options.api_key)
    answers = []
    for one in golden:
        answer = held.caller.ask(one["entry"], one["request"])
        answers.append({"status": answer.status, "body": answer.body, "error": answer.error})
    latency = {}
    for entry in bundle.manifest.entries:
        requests = [json.loads((bundle.folder / call.file).read_bytes())["request"]
                    for call in bundle.manifest.golden if call.entry == entry.name]
        if requests and not entry.mutates:
            latency[entry.name] = asdict(measure(held.caller, entry.name, requests, seconds))
    return {"unsteady": [asdict(one) for one in again.differences], "answers": answers, "latency": latency,
            "memory": held.caller.read_memory()}


def stand_in() -> None:
    """Let the entries' names, and `endpoint`, mean the packaged service: what follows are test cells."""
    if not _held:
        return
    held = _held[-1]
    shell: Any = get_ipython()
    made = make_stand_ins(shell.user_ns, held.options.capture.names, held.rehearsal.packaged.capture.entries,
                          held.caller)
    shell.user_ns.update(made, endpoint=held.endpoint)


def finish() -> None:
    """Take the candidate away."""
    while _held:
        held = _held.pop()
        with held.caller:
            held.rehearsal.discard()
