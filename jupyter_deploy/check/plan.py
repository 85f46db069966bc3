"""From the command line to jobs: what is to be run, and what is known before."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.check.contract import Contract, ContractDamaged, contract_file, find_contracts, read_contracts
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.job import Job, ParameterSet, read_parameter_sets
from jupyter_deploy.check.judgement import Limits
from jupyter_deploy.check.pinning import read_pins
from jupyter_deploy.errors import UsageError
from jupyter_deploy.options import read_key, read_value
from jupyter_deploy.registry import data_dir
from jupyter_deploy.static import find_static
from jupyter_deploy.targets.target import find_target

_SECONDS, _SECONDS_GATED = 0.5, 2.0
"""How long an entry is measured; longer where a budget depends on it."""
_OF_THE_SAVED = ("not-run", "out-of-order", "other-kernel", "edited", "defined-twice", "secret", "role-conflict",
                 "unpinned")
"""Findings of the saved notebook that running it from top to bottom would hide."""


@dataclass(frozen=True)
class Planned:
    """A job with the contracts that its outcome is held against."""

    job: Job
    contracts: tuple[Contract, ...]
    """One for each service of the notebook."""
    source: str
    """Where they are, or would be."""
    findings: tuple[Finding, ...]
    """What is known before anything runs."""


def make_jobs(arguments: argparse.Namespace, limits: Limits) -> list[Planned]:
    """Plan each notebook with each set of parameters (raises `UsageError`)."""
    if arguments.jobs < 1:
        raise UsageError(f"--jobs {arguments.jobs}: wanted at least 1")
    if arguments.update and arguments.against:
        raise UsageError("--update records a contract, --against compares with something else: give only one of them")
    if limits.requirements is not None:
        read_pins(limits.requirements)  # what cannot be read is told before anything runs
    sets = read_parameter_sets(arguments.parameters, {name: read_value(value) for name, value in arguments.parameter})
    cases = [(notebook, one) for notebook in dict.fromkeys(arguments.notebooks) for one in sets]
    outputs = _name_outputs(cases, arguments.output)
    find_target("local").prepare()  # it starts while the notebooks run
    return [_plan(arguments, limits, notebook, one, output)
            for (notebook, one), output in zip(cases, outputs, strict=True)]


def _name_outputs(cases: Sequence[tuple[Path, ParameterSet]], folder: Path | None) -> list[Path]:
    """Name the executed copies; without a folder of the user's they lie in ours, one for each notebook."""
    place = folder or data_dir() / "checks"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise UsageError(f"executed notebooks cannot be kept: {error.strerror}", where=str(place),
                         advice="name another folder with --output") from error
    names = []
    for notebook, one in cases:
        name = f"{notebook.stem}.{one.label}" if one.label else notebook.stem
        if folder is None or any(other.stem == notebook.stem and other != notebook for other, _ in cases):
            name += "-" + hashlib.sha256(str(notebook.resolve()).encode()).hexdigest()[:6]
        names.append(place.resolve() / f"{name}.ipynb")
    return names


def _plan(arguments: argparse.Namespace, limits: Limits, notebook: Path, one: ParameterSet,
          output: Path) -> Planned:
    output.unlink(missing_ok=True)  # that of another day is no evidence
    key = read_key(arguments.api_key)
    captured = {"name": arguments.name, "examples": arguments.examples, "unproven": arguments.unproven}
    job = Job(
        str(notebook), one.values, one.label, str(output), arguments.kernel, arguments.start_timeout,
        arguments.cell_timeout or None, tuple(arguments.entry),
        {"capture": {key: value for key, value in captured.items() if value}, "settings": {},
         "deploy": {} if key is None else {"api_key": key}},
        seconds=_SECONDS if limits.budgets.p95 is None else _SECONDS_GATED)
    file = contract_file(notebook, one.label)
    source = arguments.against or str(file)
    findings = _look(notebook, job.title)
    contracts: tuple[Contract, ...] = ()
    try:
        contracts = (find_contracts(source, notebook, one.label, api_key=key)
                     if arguments.against else read_contracts(file))
    except ContractDamaged as error:
        findings.append(Finding("error", "contract-damaged", f"{error.message} ({error.where})", job.title, None,
                                error.advice))
    golden = {contract.service: [{"entry": call.entry, "request": call.request} for call in contract.golden]
              for contract in contracts}
    return Planned(dataclasses.replace(job, golden=golden), contracts, source, tuple(findings))


def _look(notebook: Path, title: str) -> list[Finding]:
    """Look at the saved notebook: what running it anew cannot show."""
    return [dataclasses.replace(one, notebook=title) for one in find_static(notebook) if one.code in _OF_THE_SAVED]
