"""From the evidence to what a person should know: findings, changes of the contract, and whether it passes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_deploy.check.budgets import Budgets, judge_budgets
from jupyter_deploy.check.changes import Change, Interface, compare_classes, compare_entries
from jupyter_deploy.check.contract import Contract
from jupyter_deploy.check.drift import Drift, Moved, compare_answers, rank_moved
from jupyter_deploy.check.evidence import CellTest, Evidence, Failure
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.job import Job
from jupyter_deploy.check.pinning import find_unpinned
from jupyter_deploy.packaged import count
from jupyter_deploy.proof import Difference, table

_CODES = {"ProofError": "proof-failed", "ExecutionFailed": "execution-failed", "NotebookError": "not-runnable",
          "UsageError": "wrong-use", "ContractDamaged": "contract-damaged"}
CONTRACT_CODES = ("breaking-change", "answers-moved", "golden-refused", "contract-damaged")
"""Findings that say how a service departs from its contract."""
_SAME = {"redefined-name": "defined-twice"}
"""What the kernel and the analysis of the saved notebook call differently."""
_ADVICE = {
    "stale-cell": "run the notebook from top to bottom and save it",
    "redefined-name": "keep one definition of the name",
    "secret": "set the variable where the service runs; do not write its value into the notebook",
    "large-state": "capture only what the entry needs, or load it in a cell tagged deploy:setup",
    "unknown-name": "define the name in a cell that the service reaches, or remove it",
}


@dataclass(frozen=True)
class Limits:
    """What gates a check."""

    drift: Drift = field(default_factory=Drift)
    budgets: Budgets = field(default_factory=Budgets)
    strict: bool = False
    """Warnings fail the check, too."""
    requirements: Path | None = None


@dataclass(frozen=True)
class Check:
    """What came of a notebook with one set of parameters."""

    notebook: str
    label: str
    parameters: Mapping[str, Any]
    findings: tuple[Finding, ...]
    seconds: float
    executed: str | None
    strict: bool
    usage: bool = False
    """It was used wrongly: exit code 2."""
    part: str = ""
    """The service's name, where the notebook has several."""
    name: str | None = None
    """The service's."""
    version: str | None = None
    proof: Mapping[str, Any] | None = None
    changes: tuple[Change, ...] = ()
    moved: tuple[Moved, ...] = ()
    tests: tuple[CellTest, ...] = ()
    latency: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By entry: `calls`, `p50` and `p95` in seconds."""
    memory: int | None = None
    """The most bytes that a worker held."""
    image_size: int | None = None
    """Bytes of its container image, where there is a budget for that."""
    bundle: str | None = None
    contract: str | None = None
    """The contract's file, or what `--against` named."""
    recorded: bool = False
    """The contract was written by this check."""

    @property
    def title(self) -> str:
        """What people call it."""
        label = f" [{self.label}]" if self.label else ""
        return f"{self.notebook}{label}{f' → {self.part}' if self.part else ''}"

    @property
    def passed(self) -> bool:
        """Whether nothing found stands in the way of a release."""
        return not any(one.severity == "error" or (self.strict and one.severity == "warning") for one in self.findings)


@dataclass(frozen=True)
class Case:
    """One service of a notebook, or the notebook that did not become one, with all there is to judge it by."""

    job: Job
    evidence: Evidence
    service: Mapping[str, Any] | None = None
    contract: Contract | None = None
    source: str | None = None
    """Where the contract came from."""
    known: tuple[Finding, ...] = ()
    """What was found before anything ran."""
    first: bool = True
    """What concerns the notebook as a whole is told with its first service."""


def judge(case: Case, limits: Limits) -> Check:
    """Judge the evidence."""
    job, evidence, service = case.job, case.evidence, case.service or {}
    changes: tuple[Change, ...] = ()
    moved: tuple[Moved, ...] = ()
    findings = [*case.known, *_judge_notebook(case)] if case.first else []
    if case.service is not None:
        if case.contract is not None:
            changes, moved, refused = _compare(service, case.contract, limits.drift, job.title)
            findings += [*_judge_changes(changes, moved, job.title), *refused]
            findings += _judge_classes(service, case.contract, job.title)
        findings += _judge_service(service, case)
        if not evidence.failures:  # what was stopped was not measured
            findings += judge_budgets(service, limits.budgets, job.title)
        findings += find_unpinned(service["packages"], Path(job.notebook), job.title, limits.requirements)
    return Check(
        job.notebook, job.label, dict(job.parameters), sort_findings(findings), evidence.seconds, evidence.executed,
        limits.strict, usage=any(one.usage for one in evidence.failures),
        part=service.get("name", "") if len(evidence.services) > 1 else "", name=service.get("name"),
        version=service.get("version"), proof=service.get("proof"), changes=changes, moved=moved,
        tests=evidence.tests if case.first else (), latency=service.get("latency", {}), memory=service.get("memory"),
        image_size=service.get("image_size"), bundle=service.get("bundle"), contract=case.source)


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings by their weight, each once."""
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: order[one.severity]))


def _judge_notebook(case: Case) -> Iterator[Finding]:
    title = case.job.title
    yield from _judge_failures(case)
    for test in case.evidence.tests:
        if test.result == "failed":
            yield Finding("error", "test-failed", f"the service did not pass: {test.message}", title,
                          test.cell, "in test cells the entries are answered by the packaged service; "
                                     "the executed notebook has the traceback")
    for stale in case.evidence.stale:
        yield Finding("warning", "stale-output", f"its saved output is {_short(stale.saved)}, but running it gives "
                      f"{_short(stale.now)}", title, stale.cell,
                      "a cell was edited and not run, or run out of order: run all cells, save, and commit that")


def _judge_failures(case: Case) -> Iterator[Finding]:
    for failure in case.evidence.failures:
        yield _judge_failure(failure, case.job)
    if case.service is None and not case.evidence.failures:
        yield Finding("error", "not-deployable", "nothing was deployed, and nothing says why", case.job.title)


def _judge_failure(failure: Failure, job: Job) -> Finding:
    code = "non-deterministic" if failure.unsteady else _CODES.get(failure.kind, "not-deployable")
    message = failure.message
    if failure.differences:  # laid out anew: the cells have other names here
        first, _, *rest = message.split("\n\n")
        message = "\n\n".join([first, table(tuple(Difference(**one) for one in failure.differences)), *rest])
    place = "" if failure.where in (None, job.notebook) else f"{_gap(message)}({failure.where})"
    return Finding("error", code, message + place, job.title, _cell_of(message), failure.advice)


def _gap(message: str) -> str:
    return "\n\n" if "\n" in message else " "


def _cell_of(text: str) -> str | None:
    """Read from the first line of a message which cell it is about."""
    found = re.search(r"\bcell \d+\b", text.partition("\n")[0])
    return found.group() if found else None


def _compare(service: Mapping[str, Any], contract: Contract, drift: Drift,
             title: str) -> tuple[tuple[Change, ...], tuple[Moved, ...], list[Finding]]:
    entries = {name: Interface(**one) for name, one in service["entries"].items()}
    changes = list(compare_entries(contract.entries, entries))
    if contract.classes is not None:
        changes += compare_classes(contract.classes, service["classes"])
    moved: list[Moved] = []
    refused = []
    for number, (golden, answer) in enumerate(zip(contract.golden, service["answers"], strict=True), start=1):
        if answer is None:
            refused.append(Finding("note", "answers-unknown", f"the golden answers of {golden.entry} are not compared: "
                                   "it changes globals with each call", title))
            continue
        call = f"{golden.entry} {number}"
        known = contract.entries.get(golden.entry)
        if golden.entry in entries and answer["status"] != 200:
            refused.append(Finding("error", "golden-refused", f"golden call {number} of the contract ({golden.entry}) "
                                   f"is answered with {answer['status']}: {answer['error']}", title))
        elif golden.entry in entries:
            of_form, of_value = compare_answers(call, golden.answer, answer["body"], drift,
                                                known.answer if known else None)
            changes += of_form
            moved += of_value
    ordered = sorted(dict.fromkeys(changes), key=lambda change: not change.breaking)
    return tuple(ordered), tuple(rank_moved(moved)), refused


def _judge_changes(changes: tuple[Change, ...], moved: tuple[Moved, ...], title: str) -> Iterator[Finding]:
    advice = "keep it as callers know it; if they know of the change, record it with --update"
    for change in changes:
        if change.breaking:
            yield Finding("error", "breaking-change", str(change), title, None, advice)
        else:
            yield Finding("note", "compatible-change", str(change), title, None, "record it with --update")
    excessive = [one for one in moved if one.excessive]
    if excessive:
        yield Finding("error", "answers-moved", f"{count(len(excessive), 'golden answer')} moved further than allowed",
                      title, None, "allow it with --max-drift, or record the new answers with --update")
    elif moved:
        yield Finding("note", "answers-moved", f"{count(len(moved), 'golden answer')} moved, as far as allowed", title)


def _judge_classes(service: Mapping[str, Any], contract: Contract, title: str) -> Iterator[Finding]:
    if contract.classes is None and service["classes"]:
        yield Finding("note", "classes-unknown", f"the classes of {', '.join(sorted(service['classes']))} are not "
                      "compared: a service and a bundle do not list theirs", title, None,
                      "compare with a contract file, or with the one of a git ref")


def _judge_service(service: Mapping[str, Any], case: Case) -> Iterator[Finding]:
    title = case.job.title
    told = {(one.code, _cell_of(one.cell or "")) for one in case.known}
    for one in service["findings"]:
        if one["cell"] is None or (_SAME.get(one["code"], one["code"]), _cell_of(one["cell"])) not in told:
            yield Finding("warning", one["code"], one["text"], title, one["cell"], _ADVICE.get(one["code"]))
    for place in dict.fromkeys((one["entry"], one["source"]) for one in service["unsteady"]):
        yield Finding("warning", "non-deterministic", f"{place[0]} answered the same call ({place[1]}) differently the "
                      "second time", title, None, "pass what varies (random numbers, the clock) as an argument")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 60 else flat[:59] + "…") if flat else "nothing"
