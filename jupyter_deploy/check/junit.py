"""The report that CI systems read: JUnit XML, a suite for each check, a case for each thing that can fall short."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # written, never read
from collections.abc import Sequence

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.judgement import Check

_CASES = {
    "proof": ("proof-failed", "execution-failed", "not-runnable", "wrong-use", "not-deployable", "non-deterministic"),
    "contract": ("breaking-change", "golden-refused", "contract-damaged", "answers-moved", "not-recorded"),
    "budgets": ("over-budget", "unmeasured"),
}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(checks: Sequence[Check]) -> str:
    """Write the checks as JUnit XML."""
    root = ET.Element("testsuites", name="nbdeploy check")
    for check in checks:
        suite = ET.SubElement(root, "testsuite", name=check.title, time=f"{check.seconds:.3f}")
        for name, codes in _CASES.items():
            _add_case(suite, check, name, [one for one in check.findings if one.code in codes])
        for test in check.tests:
            failed = [one for one in check.findings if one.code == "test-failed" and one.cell == test.cell]
            case = _add_case(suite, check, f"{test.cell}: {test.title}", failed, details=test.traceback)
            if test.result == "not run":
                ET.SubElement(case, "skipped")
        known = {code for codes in _CASES.values() for code in codes} | {"test-failed"}
        _add_case(suite, check, "findings", [one for one in check.findings if one.code not in known])
        cases = suite.findall("testcase")
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
        suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ET.Element, check: Check, name: str, findings: Sequence[Finding], details: str = "") -> ET.Element:
    case = ET.SubElement(suite, "testcase", classname=_clean(check.title), name=_clean(name), time="0",
                         file=check.notebook)
    severities = ("error", "warning") if check.strict else ("error",)
    failing = [one for one in findings if one.severity in severities]
    if failing:
        text = "\n".join([_write(one) for one in failing] + ([details] if details else []))
        failure = ET.SubElement(case, "failure", type=failing[0].code,
                                message=_clean(failing[0].message.partition("\n")[0]))
        failure.text = _clean(text)
    others = [one for one in findings if one not in failing]
    if others:
        ET.SubElement(case, "system-out").text = _clean("\n".join(map(_write, others)))
    return case


def _write(finding: Finding) -> str:
    place = f"{finding.cell}: " if finding.cell else ""
    advice = f"\n  → {finding.advice}" if finding.advice else ""
    return f"{finding.severity}: {place}{finding.message} [{finding.code}]{advice}"


def _clean(text: str) -> str:
    """Leave out what XML cannot carry, such as the colours of a traceback."""
    return _ILLEGAL.sub("", re.sub(r"\x1b\[[0-9;]*m", "", text))
