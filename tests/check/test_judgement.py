"""Verdicts over evidence: values alone, no kernel."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_deploy.check.budgets import Budgets
from jupyter_deploy.check.changes import Interface
from jupyter_deploy.check.contract import Contract, Golden
from jupyter_deploy.check.drift import parse_drift
from jupyter_deploy.check.evidence import CellTest, Evidence, Failure, StaleOutput, parse_evidence
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.job import Job
from jupyter_deploy.check.judgement import Case, Check, Limits, judge

SCHEMA = Interface({"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}, {"type": "number"})
CONTRACT = Contract("s", {"predict": SCHEMA}, {"model": ["a", "b"]}, (Golden("predict", {"x": 1}, 0.5),))
SERVICE: dict[str, Any] = {
    "name": "s", "version": "abc", "bundle": "/b", "size": 1, "proof": {"calls": 1, "equal": 1}, "golden": [],
    "entries": {"predict": dataclasses.asdict(SCHEMA)}, "classes": {"model": ["a", "b"]}, "packages": [], "findings": [],
    "cells": [], "unsteady": [], "contract": "s", "answers": [{"status": 200, "body": 0.5, "error": ""}],
    "latency": {"predict": {"calls": 10, "p50": 0.01, "p95": 0.02}}, "memory": 100_000_000,
}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "n.ipynb")
    return Job(str(tmp_path / "n.ipynb"), {}, "", "out.ipynb")


def verdict(job: Job, limits: Limits | None = None, *, failure: Failure | None = None, tests: tuple[CellTest, ...] = (),
            stale: tuple[StaleOutput, ...] = (), contract: Contract | None = CONTRACT, known: tuple[Finding, ...] = (), **service: Any) -> Check:
    shown = {**SERVICE, **service} if failure is None else None
    evidence = Evidence(() if failure is None else (failure,), () if shown is None else (shown,), tests, stale, None, 1.0)
    assert parse_evidence(evidence.dump()) == evidence
    return judge(Case(job, evidence, shown, contract, known=known), limits or Limits())


def found(check: Check) -> list[tuple[str, str]]:
    return [(one.severity, one.code) for one in check.findings]


def test_nothing_found_passes(job: Job) -> None:
    check = verdict(job)
    assert check.passed
    assert not check.findings
    assert verdict(job, contract=None).passed


@pytest.mark.parametrize(("service", "expected"), [
    ({"answers": [{"status": 200, "body": 0.6, "error": ""}]}, [("error", "answers-moved")]),
    ({"answers": [{"status": 200, "body": "much", "error": ""}]}, [("error", "breaking-change")]),
    ({"answers": [{"status": 422, "body": {}, "error": "x: expected text"}]}, [("error", "golden-refused")]),
    ({"classes": {"model": ["a"]}}, [("error", "breaking-change")]),
    ({"entries": {}}, [("error", "breaking-change")]),
    ({"entries": {"predict": dataclasses.asdict(SCHEMA), "more": dataclasses.asdict(SCHEMA)}}, [("note", "compatible-change")]),
    ({"findings": [{"code": "secret", "text": "TOKEN looks like a credential", "cell": "cell 3"}]}, [("warning", "secret")]),
    ({"unsteady": [{"entry": "predict", "source": "cell 4"}]}, [("warning", "non-deterministic")]),
])
def test_what_the_service_shows(service: dict[str, Any], expected: list[tuple[str, str]], job: Job) -> None:
    check = verdict(job, **service)
    assert found(check) == expected
    assert check.passed == (expected[0][0] != "error")
    assert verdict(job, Limits(strict=True), **service).passed == (expected[0][0] == "note")


@pytest.mark.parametrize(("limits", "expected"), [
    (Budgets(p95=0.02, memory=100_000_000, image_size=5), []),
    (Budgets(p95=0.019), [("error", "over-budget")]),
    (Budgets(memory=99_000_000), [("error", "over-budget")]),
    (Budgets(image_size=4), [("error", "over-budget")]),
])
def test_budgets(limits: Budgets, expected: list[tuple[str, str]], job: Job) -> None:
    assert found(verdict(job, Limits(budgets=limits), image_size=5)) == expected


@pytest.mark.parametrize(("limits", "service", "message"), [
    (Budgets(p95=1), {"latency": {}}, "predict was not measured: it has no golden call"),
    (Budgets(p95=1), {"latency": {}, "findings": [{"code": "changing-state", "text": "", "cell": None}]}, "it changes globals"),
    (Budgets(memory=1), {"memory": None}, "this system does not report it"),
    (Budgets(image_size=1), {"image_error": "there is no engine"}, "there is no engine"),
])
def test_a_budget_that_nothing_was_measured_for_does_not_hold(limits: Budgets, service: dict[str, Any], message: str, job: Job) -> None:
    check = verdict(job, Limits(budgets=limits), **service)
    assert [(one.severity, one.code) for one in check.findings if one.severity == "error"] == [("error", "unmeasured")]
    assert message in check.findings[0].message


def test_nothing_deployed_is_an_error_whatever_else_is_missing(job: Job) -> None:
    check = judge(Case(job, Evidence((), (), (), (), None, 1.0)), Limits())
    assert [(one.severity, one.code) for one in check.findings] == [("error", "not-deployable")]


def test_what_the_saved_notebook_told_is_not_told_twice(job: Job) -> None:
    known = (Finding("error", "secret", "a key", "n.ipynb", "cell 3, line 2"),)
    seen = {"code": "secret", "text": "TOKEN looks like a credential", "cell": "cell 3"}
    assert found(verdict(job, known=known, findings=[seen])) == [("error", "secret")]
    assert found(verdict(job, known=known, findings=[{**seen, "cell": "cell 4"}])) == [("error", "secret"), ("warning", "secret")]


def test_that_classes_were_not_compared_is_said(job: Job) -> None:
    check = verdict(job, contract=dataclasses.replace(CONTRACT, classes=None))
    assert found(check) == [("note", "classes-unknown")]


def test_drift_within_bounds_is_a_note(job: Job) -> None:
    check = verdict(job, Limits(parse_drift("0.2")), answers=[{"status": 200, "body": 0.6, "error": ""}])
    assert found(check) == [("note", "answers-moved")]
    assert [one.excessive for one in check.moved] == [False]


@pytest.mark.parametrize(("failure", "code", "cell"), [
    (Failure("ExecutionFailed", "cell 5 failed: ZeroDivisionError\ncell 9"), "execution-failed", "cell 5"),
    (Failure("ExecutionFailed", "the kernel died while cell 2 ran"), "execution-failed", "cell 2"),
    (Failure("ProofError", "it differs\n\ntable\n\nrest", differences=(
        {"entry": "f", "source": "cell 3", "path": "answer", "notebook": "1", "service": "2"},)), "proof-failed", None),
    (Failure("ProofError", "it differs", unsteady=True), "non-deterministic", None),
    (Failure("CaptureError", "f has no golden call"), "not-deployable", None),
])
def test_what_stops_a_notebook(failure: Failure, code: str, cell: str | None, job: Job) -> None:
    check = verdict(job, failure=failure)
    assert [(one.severity, one.code, one.cell) for one in check.findings] == [("error", code, cell)]
    assert not check.passed
    if failure.differences:
        assert "f (cell 3)  answer" in check.findings[0].message


def test_a_failed_test_cell_and_a_stale_output(job: Job) -> None:
    tests = (CellTest("cell 7", "assert f(1)", "failed", "AssertionError"), CellTest("cell 8", "assert f(2)", "passed"))
    check = verdict(job, tests=tests, stale=(StaleOutput("cell 3", "1", "2"),))
    assert [(one.code, one.cell) for one in check.findings] == [("test-failed", "cell 7"), ("stale-output", "cell 3")]
    assert "'1', but running it gives '2'" in check.findings[1].message
