"""The summary that a person reads in ten seconds, as text for a terminal and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from jupyter_deploy.check.budgets import format_seconds
from jupyter_deploy.check.drift import Moved
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.judgement import Check
from jupyter_deploy.packaged import count, format_size

SHOWN = 12
"""Golden answers shown that moved, the worst first."""
_LINES = 30
"""Lines shown of a long message, such as a traceback: its beginning and its end."""
_COLOURS = {"error": "31", "warning": "33", "note": "2", "FAILED": "1;31", "passed": "1;32"}


def write_summary(checks: Sequence[Check], *, colour: bool = False) -> str:
    """Write all checks for a terminal."""
    def paint(word: str, text: str) -> str:
        return f"\033[{_COLOURS[word]}m{text}\033[0m" if colour else text

    lines = []
    for check in checks:
        verdict = _verdict(check)
        lines.append(f"{paint(verdict, verdict)}  {check.title}  ({format_seconds(check.seconds)})")
        lines += [f"  {figure}" for figure in [", ".join(list_figures(check))] if figure]
        for finding, following in zip_longest(check.findings, check.findings[1:]):
            lines += _write_finding(finding, paint(finding.severity, f"{finding.severity:<8}"))
            if finding.advice and finding.severity != "note" and (not following or following.advice != finding.advice):
                lines.append(f"           → {finding.advice}")
        if check.moved:
            lines += ["", *(f"  {line}" for line in write_table(check.moved))]
        lines += [f"  {line}" for line in _write_places(check)]
        lines.append("")
    return "\n".join([*lines, write_total(checks)])


def _verdict(check: Check) -> str:
    return "passed" if check.passed else "FAILED"


def write_total(checks: Sequence[Check]) -> str:
    """Write the one line that counts."""
    failed = sum(not check.passed for check in checks)
    said = [f"{failed} failed"] if failed else []
    said += [f"{len(checks) - failed} passed"] if failed < len(checks) else []
    warnings = sum(finding.severity == "warning" for check in checks for finding in check.findings)
    said += [count(warnings, "warning")] if warnings else []
    return f"{count(len(checks), 'check')}: {', '.join(said)}"


def list_figures(check: Check) -> list[str]:
    """Give what was measured, in words."""
    figures = []
    if check.proof is not None:
        figures.append(f"proof {check.proof['equal']} of {check.proof['calls']}")
    if check.tests:
        figures.append(f"tests {sum(test.result == 'passed' for test in check.tests)} of {len(check.tests)}")
    for entry, latency in check.latency.items():
        name = f" of {entry}" if len(check.latency) > 1 else ""
        figures.append(f"p95{name} {format_seconds(latency['p95'])}")
    if check.memory is not None:
        figures.append(f"memory {format_size(check.memory)}")
    if check.image_size is not None:
        figures.append(f"image {format_size(check.image_size)}")
    if check.version is not None:
        figures.append(f"version {check.version}")
    return figures


def _write_finding(finding: Finding, severity: str) -> Iterator[str]:
    place = f"{finding.cell}: " if finding.cell and not finding.message.startswith(finding.cell) else ""
    first, *rest = _shorten(finding.message.splitlines() or [""])
    yield f"  {severity} {place}{first}  [{finding.code}]"
    yield from (f"           {line}".rstrip() for line in rest)


def _shorten(lines: list[str]) -> list[str]:
    half = _LINES // 2
    return lines if len(lines) <= _LINES else [*lines[:half], f"… {len(lines) - 2 * half} lines", *lines[-half:]]


def _write_places(check: Check) -> list[str]:
    places = []
    if check.recorded:
        places.append(f"recorded {check.contract}")
    if not check.passed and check.executed:
        places.append(f"the notebook as it ran: {check.executed}")
    return places


def write_table(moved: Sequence[Moved]) -> list[str]:
    """Lay out the golden answers that moved, the worst first."""
    rows = [("golden answer", "place", "recorded", "now", "change"), *map(_row, moved[:SHOWN])]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, f"… and {len(moved) - SHOWN} more"] if len(moved) > SHOWN else lines


def _row(one: Moved) -> tuple[str, str, str, str, str]:
    return one.call, one.place or "itself", _value(one.recorded), _value(one.now), describe_move(one)


def _value(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"


def describe_move(one: Moved) -> str:
    """Say how far an answer moved, and whether that is too far."""
    text = "another value" if one.change is None else f"{one.change:+.3g}"
    if one.relative is not None:
        text += f" ({one.relative:+.2%})"
    return text if one.excessive else f"{text}, allowed"


def write_markdown(checks: Sequence[Check]) -> str:
    """Write all checks for a pull request."""
    lines = [f"### nbdeploy check: {write_total(checks)}", "",
             "| | notebook | proof | tests | p95 | memory | version |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for check in checks:
        proof = f"{check.proof['equal']} of {check.proof['calls']}" if check.proof else ""
        tests = f"{sum(test.result == 'passed' for test in check.tests)} of {len(check.tests)}" if check.tests else ""
        p95 = ", ".join(format_seconds(latency["p95"]) for latency in check.latency.values())
        memory = format_size(check.memory) if check.memory is not None else ""
        cells = ["✅" if check.passed else "❌", _escape(check.title), proof, tests, p95, memory, check.version or ""]
        lines.append(f"| {' | '.join(cells)} |")
    for check in checks:
        lines += _write_details(check)
    return "\n".join(lines) + "\n"


def _write_details(check: Check) -> Iterator[str]:
    if not check.findings and not check.moved:
        return
    yield from ("", f"#### {_escape(check.title)}", "")
    for finding in check.findings:
        first, *rest = finding.message.splitlines() or [""]
        place = f"{finding.cell}: " if finding.cell and not finding.message.startswith(finding.cell) else ""
        advice = f" → {_escape(finding.advice)}" if finding.advice and finding.severity != "note" else ""
        yield f"- **{finding.severity}** `{finding.code}` {_escape(place + first)}{advice}"
        if any(line.strip() for line in rest):
            yield from ("", "  ```text", *(f"  {line}" for line in _shorten(rest)), "  ```", "")
    if check.moved:
        yield from ("", "| golden answer | place | recorded | now | change |", "| --- | --- | --- | --- | --- |")
        yield from (f"| {' | '.join(map(_escape, _row(one)))} |" for one in check.moved[:SHOWN])
        if len(check.moved) > SHOWN:
            yield f"\n… and {len(check.moved) - SHOWN} more"


def _escape(text: str) -> str:
    for sign in ("\\", "|", "<", "*", "_", "`", "["):
        text = text.replace(sign, f"\\{sign}")
    return text
