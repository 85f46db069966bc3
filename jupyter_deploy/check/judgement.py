"""From the evidence to what a person should know: findings, changes of the contract, and whether it passes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_deploy.check.changes import Change, Interface, compare_classes, compare_entries
from jupyter_deploy.check.contract import Contract
from jupyter_deploy.check.drift import Drift, Moved, compare_answers, rank_moved
from jupyter_deploy.check.evidence import CellTest, Evidence, Failure
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.job import Job
from jupyter_deploy.check.pinning import find_installs, find_unpinned
from jupyter_deploy.errors import NotebookError
from jupyter_deploy.notebook import read_notebook
from jupyter_deploy.packaged import format_size
from jupyter_deploy.proof import Difference, table

_CODES = {"ProofError": "proof-failed", "ExecutionFailed": "execution-failed", "NotebookError": "not-runnable",
          "UsageError": "wrong-use", "ContractDamaged": "contract-damaged"}
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
    p95: float | None = None
    """Seconds."""
    memory: int | None = None
    """Bytes."""
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
    bundle: str | None = None
    contract: str | None = None
    """The contract's file, or what `--against` named."""
    recorded: bool = False
    """The contract was written by this check."""

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.notebook} [{self.label}]" if self.label else self.notebook

    @property
    def passed(self) -> bool:
        """Whether nothing found stands in the way of a release."""
        return not any(one.severity == "error" or (self.strict and one.severity == "warning") for one in self.findings)


def judge(job: Job, evidence: Evidence, contract: Contract | None, limits: Limits, *, source: str | None = None,
          more: tuple[Finding, ...] = ()) -> Check:
    """Judge the evidence; `source` is where the contract came from, `more` what is known already."""
    service = evidence.service
    changes: tuple[Change, ...] = ()
    moved: tuple[Moved, ...] = ()
    findings = [*more, *_judge_failure(evidence.failure, job), *_judge_tests(evidence, job.title)]
    if service is not None:
        if contract is not None:
            changes, moved, refused = _compare(service, contract, limits.drift, job.title)
            findings += [*_judge_changes(changes, moved, job.title), *refused]
        findings += _judge_service(service, evidence, limits, job.title)
        findings += _judge_packages(job, service, limits)
    else:
        service = {}
    order = {"error": 0, "warning": 1, "note": 2}
    unique = sorted(dict.fromkeys(findings), key=lambda one: order[one.severity])
    return Check(
        job.notebook, job.label, dict(job.parameters), tuple(unique), evidence.seconds, evidence.executed,
        limits.strict, evidence.failure is not None and evidence.failure.usage, service.get("name"),
        service.get("version"), service.get("proof"), changes, moved, evidence.tests, service.get("latency", {}),
        service.get("memory"), service.get("bundle"), source)


def _judge_failure(failure: Failure | None, job: Job) -> Iterator[Finding]:
    if failure is None:
        return
    code = "non-deterministic" if failure.unsteady else _CODES.get(failure.kind, "not-deployable")
    message = failure.message
    if failure.differences:  # laid out anew: the cells have other names here
        first, _, *rest = message.split("\n\n")
        message = "\n\n".join([first, table(tuple(Difference(**one) for one in failure.differences)), *rest])
    place = "" if failure.where in (None, job.notebook) else f"{_gap(message)}({failure.where})"
    yield Finding("error", code, message + place, job.title, _cell_of(message), failure.advice)


def _gap(message: str) -> str:
    return "\n\n" if "\n" in message else " "


def _cell_of(text: str) -> str | None:
    """Read from the first line of a message which cell it is about."""
    found = re.search(r"\bcell \d+\b", text.partition("\n")[0])
    return found.group() if found else None


def _judge_tests(evidence: Evidence, title: str) -> Iterator[Finding]:
    for test in evidence.tests:
        if test.result == "failed":
            yield Finding("error", "test-failed", f"the service did not pass: {test.message}", title,
                          test.cell, "in test cells the entries are answered by the packaged service; "
                                     "the executed notebook has the traceback")


def _compare(service: Mapping[str, Any], contract: Contract, drift: Drift,
             title: str) -> tuple[tuple[Change, ...], tuple[Moved, ...], list[Finding]]:
    entries = {name: Interface(**one) for name, one in service["entries"].items()}
    changes = list(compare_entries(contract.entries, entries))
    if contract.classes is not None:
        changes += compare_classes(contract.classes, service["classes"])
    moved: list[Moved] = []
    refused = []
    for number, (golden, answer) in enumerate(zip(contract.golden, service["answers"], strict=True), start=1):
        call = f"{golden.entry} {number}"
        if golden.entry in entries and answer["status"] != 200:
            refused.append(Finding("error", "golden-refused", f"golden call {number} of the contract ({golden.entry}) "
                                   f"is answered with {answer['status']}: {answer['error']}", title))
        elif golden.entry in entries:
            of_form, of_value = compare_answers(call, golden.answer, answer["body"], drift)
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
        yield Finding("error", "answers-moved", f"{_count(len(excessive), 'golden answer')} moved further than allowed",
                      title, None, "allow it with --max-drift, or record the new answers with --update")
    elif moved:
        yield Finding("note", "answers-moved", f"{_count(len(moved), 'golden answer')} moved, as far as allowed", title)


def _judge_service(service: Mapping[str, Any], evidence: Evidence, limits: Limits, title: str) -> Iterator[Finding]:
    for one in service["findings"]:
        yield Finding("warning", one["code"], one["text"], title, one["cell"], _ADVICE.get(one["code"]))
    for place in dict.fromkeys((one["entry"], one["source"]) for one in service["unsteady"]):
        yield Finding("warning", "non-deterministic", f"{place[0]} answered the same call ({place[1]}) differently the "
                      "second time", title, None, "pass what varies (random numbers, the clock) as an argument")
    for stale in evidence.stale:
        yield Finding("warning", "stale-output", f"its saved output is {_short(stale.saved)}, but running it gives "
                      f"{_short(stale.now)}", title, stale.cell,
                      "a cell was edited and not run, or run out of order: run all cells, save, and commit that")
    yield from _judge_figures(service, limits, title)


def _judge_figures(service: Mapping[str, Any], limits: Limits, title: str) -> Iterator[Finding]:
    for entry, latency in service["latency"].items():
        if limits.p95 is not None and latency["p95"] > limits.p95:
            yield Finding("error", "over-budget", f"{entry} takes {format_seconds(latency['p95'])} at the 95th "
                          f"percentile of {latency['calls']} calls; the budget is {format_seconds(limits.p95)}", title,
                          None, "make the model smaller or the code faster, or raise --p95")
    memory = service["memory"]
    if limits.memory is not None and memory is not None and memory > limits.memory:
        yield Finding("error", "over-budget", f"the service takes {format_size(memory)} of memory; the budget is "
                      f"{format_size(limits.memory)}", title, None, "capture less, or raise --memory")


def _judge_packages(job: Job, service: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    yield from find_unpinned(service["packages"], Path(job.notebook), job.title, limits.requirements)
    try:
        yield from find_installs(read_notebook(Path(job.notebook)), job.title)
    except NotebookError:  # it changed since it ran
        return


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 60 else flat[:59] + "…") if flat else "nothing"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def format_seconds(seconds: float) -> str:
    """Write a duration for people: `4.1 ms`, `12.3 s`."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
