"""From the command line to jobs, and from their evidence to checks and recorded contracts."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.check.contract import (
    Contract,
    ContractDamaged,
    contract_file,
    find_contract,
    read_bundle,
    read_contract,
)
from jupyter_deploy.check.evidence import Evidence
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.job import Job, ParameterSet, read_parameter_sets
from jupyter_deploy.check.judgement import Check, Limits, judge
from jupyter_deploy.errors import DeployError, UsageError
from jupyter_deploy.options import read_value
from jupyter_deploy.registry import data_dir

_SECONDS, _SECONDS_GATED = 0.5, 2.0
"""How long an entry is measured; longer where a budget depends on it."""


@dataclass(frozen=True)
class Planned:
    """A job with the contract that its outcome is held against."""

    job: Job
    contract: Contract | None
    source: str
    """Where the contract is, or would be."""
    findings: tuple[Finding, ...]
    """What is known before anything runs."""


def make_jobs(arguments: argparse.Namespace, limits: Limits) -> list[Planned]:
    """Plan each notebook with each set of parameters (raises `UsageError`)."""
    if arguments.jobs < 1:
        raise UsageError(f"--jobs {arguments.jobs}: wanted at least 1")
    if arguments.update and arguments.against:
        raise UsageError("--update records a contract, and --against does without: only one of them")
    sets = read_parameter_sets(arguments.parameters, {name: read_value(value) for name, value in arguments.parameter})
    cases = [(notebook, one) for notebook in dict.fromkeys(arguments.notebooks) for one in sets]
    outputs = _name_outputs(cases, arguments.output)
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


def _plan(arguments: argparse.Namespace, limits: Limits, notebook: Path, one: ParameterSet, output: Path) -> Planned:
    output.unlink(missing_ok=True)  # that of another day is no evidence
    captured = {"name": arguments.name, "examples": arguments.examples, "unproven": arguments.unproven}
    job = Job(
        str(notebook), one.values, one.label, str(output), arguments.kernel, arguments.start_timeout,
        arguments.cell_timeout or None, tuple(arguments.entry),
        {"capture": {key: value for key, value in captured.items() if value}, "settings": {}, "deploy": {}},
        seconds=_SECONDS if limits.p95 is None else _SECONDS_GATED)
    file = contract_file(notebook, one.label)
    source = arguments.against or str(file)
    findings: list[Finding] = []
    contract = None
    try:
        contract = find_contract(source, notebook, one.label) if arguments.against else read_contract(file)
    except ContractDamaged as error:
        if not arguments.update:
            findings.append(Finding("error", "contract-damaged", f"{error.message} ({error.where})", job.title, None,
                                    error.advice))
    if contract is None and not findings and not arguments.update:
        findings.append(Finding("note", "no-contract", f"there is no {file.name} yet: --update records one", job.title))
    golden = () if contract is None else tuple({"entry": call.entry, "request": call.request}
                                               for call in contract.golden)
    return Planned(dataclasses.replace(job, golden=golden), contract, source, tuple(findings))


def conclude(planned: Planned, evidence: Evidence, limits: Limits, *, update: bool) -> Check:
    """Judge a job's evidence; with `update`, record the contract of a service that is proven."""
    if not update or evidence.service is None or evidence.failure is not None:
        source = planned.source if planned.contract is not None else None
        return judge(planned.job, evidence, planned.contract, limits, source=source, more=planned.findings)
    bundle = read_bundle(Path(evidence.service["bundle"]))
    contract = dataclasses.replace(bundle, classes=evidence.service["classes"])
    check = judge(planned.job, evidence, None, limits, source=planned.source, more=planned.findings)
    try:
        Path(planned.source).write_text(contract.dump(), encoding="utf-8")
    except OSError as error:
        return _not_recorded(check, DeployError(f"the contract cannot be written: {error.strerror}",
                                                where=planned.source))
    return dataclasses.replace(check, recorded=True)


def _not_recorded(check: Check, error: DeployError) -> Check:
    finding = Finding("error", "not-recorded", f"{error.message} ({error.where})", check.title)
    return dataclasses.replace(check, findings=(finding, *check.findings))
