"""The reports of a check, as a person and as a CI system read them."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat

from jupyter_deploy.check.drift import Drift, compare_answers
from jupyter_deploy.check.evidence import CellTest
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.judgement import Check
from jupyter_deploy.check.junit import write_junit
from jupyter_deploy.check.page import write_page
from jupyter_deploy.check.reports import write_json
from jupyter_deploy.check.summary import SHOWN, write_markdown, write_summary

GOOD = Check("good.ipynb", "", {}, (), 3.2, None, strict=False, name="good", version="abc", proof={"calls": 2, "equal": 2},
             latency={"f": {"calls": 9, "p50": 0.001, "p95": 0.0041}}, memory=131_000_000)
_, MOVED = compare_answers("f 1", [0.5] * 20, [0.6] * 20, Drift())
BAD = Check(
    "bad.ipynb", "uk", {"region": "uk"},
    (Finding("error", "breaking-change", "f(x): integer → text", "bad.ipynb", None, "keep it"),
     Finding("error", "test-failed", "the service did not pass 'assert f(1)': \x1b[31mAssertionError", "bad.ipynb", "cell 4"),
     Finding("warning", "secret", "KEY | looks <like> a credential", "bad.ipynb", "cell 2", "set it")),
    1.0, None, strict=False, moved=tuple(MOVED),
    tests=(CellTest("cell 4", "assert f(1)", "failed", "AssertionError", "Traceback\x00 …"), CellTest("cell 5", "f(2)", "not run")))


def test_the_summary_says_it_in_ten_seconds() -> None:
    text = write_summary([GOOD, BAD])
    assert text.startswith("passed  good.ipynb  (3.2 s)\n  proof 2 of 2, p95 4.1 ms, memory 131 MB, version abc\n")
    assert "FAILED  bad.ipynb [uk]" in text
    assert "  error    f(x): integer → text  [breaking-change]\n           → keep it\n" in text
    assert re.search(r"f 1 +\[0\] +0.5 +0.6 +\+0.1 \(\+20.00%\)", text)
    assert f"… and {20 - SHOWN} more" in text
    assert text.endswith("2 checks: 1 failed, 1 passed, 1 warning")
    assert "\033[" in write_summary([GOOD], colour=True)


def test_strict_fails_on_a_warning() -> None:
    warned = dataclasses.replace(GOOD, findings=(BAD.findings[2],))
    assert warned.passed
    assert not dataclasses.replace(warned, strict=True).passed


def test_junit_has_a_case_for_each_thing() -> None:
    root = ET.fromstring(write_junit([GOOD, BAD]))
    assert (root.get("failures"), root.get("skipped")) == ("2", "1")
    bad = root.findall("testsuite")[1]
    failing = {case.get("name"): case.find("failure").get("type") for case in bad if case.find("failure") is not None}
    assert failing == {"contract": "breaking-change", "cell 4: assert f(1)": "test-failed"}
    strict = ET.fromstring(write_junit([dataclasses.replace(BAD, strict=True)]))
    assert strict.get("failures") == "3"


def test_markdown_and_json() -> None:
    text = write_markdown([GOOD, BAD])
    assert "| ✅ | good.ipynb | 2 of 2 |  | 4.1 ms | 131 MB | abc |" in text
    assert r"- **warning** `secret` cell 2: KEY \| looks \<like> a credential → set it" in text
    found = json.loads(write_json([GOOD, BAD]))
    assert not found["passed"]
    assert [check["passed"] for check in found["checks"]] == [True, False]
    assert round(found["checks"][1]["moved"][0]["relative"], 6) == 0.2


def test_the_page_holds_the_executed_notebook_and_nothing_foreign(tmp_path: Path) -> None:
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('<hi>')", outputs=[
        nbformat.v4.new_output("stream", text="<hi> there")])])
    nbformat.write(document, tmp_path / "ran.ipynb")
    text = write_page([dataclasses.replace(BAD, executed=str(tmp_path / "ran.ipynb"))])
    assert "&lt;hi&gt; there" in text
    assert "looks &lt;like&gt; a credential" in text
    assert "src=" not in text
    assert 'rel="stylesheet"' not in text
