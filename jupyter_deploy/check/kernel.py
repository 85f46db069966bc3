"""The kernel's side of a check: `%deploy` stages a candidate, which is asked and measured, and nothing goes live.

`nbdeploy check` sets the environment variable `CHECK` for the kernel it starts. What came of each `%deploy` line is
written to the file that the order names, so that it outlives the kernel.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython
from packaging.utils import canonicalize_name

from jupyter_deploy.candidate import CandidateEndpoint
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.check.arrangement import is_injected
from jupyter_deploy.check.calls import Caller
from jupyter_deploy.check.contract import describe_entries
from jupyter_deploy.check.measuring import measure_entries
from jupyter_deploy.check.stand_in import make_stand_ins
from jupyter_deploy.errors import DeployError, ProofError, UsageError
from jupyter_deploy.gate import parse_gate
from jupyter_deploy.magics import CHECK
from jupyter_deploy.proof import prove
from jupyter_deploy.recipe import DeployOptions, StagedRelease, stage_release
from jupyter_deploy.runtime.encode import CannotEncode, to_json
from jupyter_deploy.targets.target import Report

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_MOST_CLASSES = 1000


class _Held:
    """A candidate of this kernel, and what it showed."""

    def __init__(self, staged: StagedRelease, options: DeployOptions, endpoint: CandidateEndpoint,
                 metrics: Mapping[str, Any]) -> None:
        self.metrics = metrics
        self.staged = staged
        self.options = options
        self.endpoint = endpoint
        assert endpoint.release is not None
        self.release = endpoint.release
        self.caller = Caller(staged.candidate.url, options.api_key)
        self.service: dict[str, Any] = {}

    def discard(self) -> None:
        """Take the candidate away."""
        with self.caller:
            self.staged.discard()


_held: dict[str, _Held] = {}
"""By the name of the service: of a name, the last one that `%deploy` staged."""
_failures: list[dict[str, Any]] = []
_tests: list[bool] = []
"""Which test cells passed."""


def check_here(kernel: Kernel, options: DeployOptions, report: Report, recorder: Recorder,
               metrics: Mapping[str, Any]) -> CandidateEndpoint:
    """Stage a release in place of `%deploy`; the candidate runs until `finish`, so that test cells can call it.

    Parameters
    ----------
    metrics
        What the notebook records; more may come until it ends.

    Raises
    ------
    DeployError
        As `recipe.stage_release`; it is in the outcome as well, whatever the cell makes of it.

    """
    try:
        held = _hold(stage_release(kernel, options, report, recorder), options, metrics)
        if "gate" not in _read_order():
            held.service = {**_describe_service(held.staged, kernel), **_ask(held, _read_order()["golden"])}
    except DeployError as error:
        _failures.append(_describe_error(error))
        raise
    finally:
        _write_outcome()
    return held.endpoint


def _hold(staged: StagedRelease, options: DeployOptions, metrics: Mapping[str, Any]) -> _Held:
    name = staged.plan.name
    endpoint = CandidateEndpoint(name, target=staged.target, api_key=options.api_key, release=staged.as_release())
    if name in _held:
        _held.pop(name).discard()
    _held[name] = _Held(staged, options, endpoint, metrics)
    return _held[name]


def _read_order() -> dict[str, Any]:
    order: dict[str, Any] = json.loads(os.environ[CHECK])
    return order


def _write_outcome() -> None:
    outcome = {"services": [held.service for held in _held.values() if held.service], "failures": _failures}
    Path(_read_order()["outcome"]).write_text(json.dumps(outcome), encoding="utf-8")


def _describe_error(error: DeployError) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": type(error).__name__, "message": error.message, "where": error.where,
                                 "advice": error.advice, "usage": isinstance(error, UsageError)}
    if isinstance(error, ProofError):
        described |= {"differences": [asdict(one) for one in error.differences], "unsteady": error.unsteady}
    return described


def _describe_service(staged: StagedRelease, kernel: Kernel) -> dict[str, Any]:
    packaged, bundle = staged.packaged, staged.packaged.bundle
    golden = [{"entry": call.entry, "source": call.source, "file": call.file} for call in bundle.manifest.golden]
    return {
        "name": staged.plan.name, "version": staged.plan.version, "bundle": str(bundle.folder),
        "size": bundle.size, "proof": staged.proof.dump(), "golden": golden,
        "target": staged.plan.target, "environment": staged.plan.environment.dump(), "latency": {},
        "memory": None if staged.usage is None else staged.usage.peak,
        "entries": {name: asdict(one) for name, one in describe_entries(bundle.manifest).items()},
        "classes": _find_classes(packaged.capture.code.state, kernel.names),
        "packages": [{"name": one.name, "version": one.version, "reason": one.reason, "needs": _list_needs(one.name)}
                     for one in packaged.requirements.distributions],
        "findings": [{"code": one.code, "text": one.text, "cell": one.cell} for one in packaged.capture.findings]
                    + [{"code": "package", "text": text, "cell": None} for text in packaged.requirements.warnings],
        "cells": sorted({piece.cell for piece in packaged.capture.code.pieces if piece.cell}),
    }


def _list_needs(name: str) -> list[str]:
    """Give what a distribution requires, whatever extras."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return []
    found = (NAME.match(line) for line in lines)
    return sorted({str(canonicalize_name(one[0])) for one in found if one})


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


def _ask(held: _Held, golden: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Ask the golden calls once more, and those of the contract: the one of this name, or the only one.

    An entry that changes globals is not asked: by now it answers differently, as it should.
    """
    staged, bundle = held.staged, held.staged.packaged.bundle
    again = prove(bundle.folder, bundle.manifest, staged.candidate.url, api_key=held.options.api_key)
    contract = staged.plan.name if staged.plan.name in golden or len(golden) != 1 else next(iter(golden))
    changing = {entry.name for entry in bundle.manifest.entries if entry.mutates}
    answers: list[dict[str, Any] | None] = []
    for one in golden.get(contract, ()):
        if one["entry"] in changing:
            answers.append(None)
            continue
        answer = held.caller.ask(one["entry"], one["request"])
        answers.append({"status": answer.status, "body": answer.body, "error": answer.error})
    unsteady = [asdict(one) for one in again.differences if one.entry not in changing]
    return {"unsteady": unsteady, "contract": contract, "answers": answers}


def stand_in() -> None:
    """Let the entries' names, and `endpoint`, mean the packaged services: what follows are test cells."""
    shell: Any = get_ipython()
    made: dict[str, Any] = {}
    for held in _held.values():
        made |= make_stand_ins(shell.user_ns, held.options.capture.names, held.staged.packaged.capture.entries,
                               held.caller)
        made["endpoint"] = held.endpoint
    shell.user_ns.update(made)
    shell.events.register("post_run_cell", _note_test)


def _note_test(result: Any) -> None:
    if not is_injected(result.info.raw_cell or ""):
        _tests.append(bool(result.success))


def finish() -> None:
    """Measure each candidate, now that nothing else of the notebook runs, and take it away."""
    try:
        for held in _held.values():
            if held.service:
                folder = held.staged.packaged.bundle.folder
                held.service["latency"] = measure_entries(held.caller, folder, _read_order()["seconds"])
    except DeployError as error:
        _failures.append(_describe_error(error))
    _write_outcome()
    for held in _held.values():
        held.discard()
    _held.clear()


def promote() -> None:
    """Make all candidates live if the gate of `nbdeploy up --promote-if` is met, and take them away otherwise.

    Raises
    ------
    DeployError
        When a `%deploy` line fell short, or the gate cannot be decided.

    """
    from jupyter_deploy.check.promotion import Promotable, promote_all

    candidates = [Promotable(held.staged, held.release, held.metrics) for held in _held.values()]
    try:
        if _failures:
            raise DeployError(str(_failures[0]["message"]), advice=_failures[0]["advice"])
        promote_all(candidates, parse_gate(_read_order()["gate"]), tuple(_tests))
    finally:
        for held in _held.values():
            held.discard()
        _held.clear()
