"""The reports that `nbdeploy check` writes to files."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jupyter_deploy.check.judgement import Check
from jupyter_deploy.check.junit import write_junit
from jupyter_deploy.check.summary import write_markdown
from jupyter_deploy.errors import UsageError

_OPTIONS = ("json", "junit", "html", "markdown")


def check_reports(arguments: argparse.Namespace) -> None:
    """Look whether those that are asked for can be written (raises `UsageError`)."""
    if arguments.html is not None:
        from jupyter_deploy.check.page import check_exporter

        check_exporter()
    for option in _OPTIONS:
        file: Path | None = getattr(arguments, option)
        if file is not None:
            existed = file.exists()
            _write(option, file, "", "a")
            if not existed:
                file.unlink()


def write_reports(checks: Sequence[Check], arguments: argparse.Namespace) -> None:
    """Write those that are asked for; one that cannot be written keeps no other back (raises `UsageError`)."""
    writers: dict[str, Callable[[Sequence[Check]], str]] = {
        "json": write_json, "junit": write_junit, "html": _write_html, "markdown": write_markdown}
    wrong = []
    for option in _OPTIONS:
        file: Path | None = getattr(arguments, option)
        if file is not None:
            try:
                _write(option, file, writers[option](checks), "a" if option == "markdown" else "w")
            except UsageError as error:
                wrong.append(error.message)
    if wrong:
        raise UsageError("\n".join(wrong))


def _write(option: str, file: Path, text: str, mode: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open(mode, encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"--{option} {file}: the report cannot be written: {error.strerror}") from error


def _write_html(checks: Sequence[Check]) -> str:
    from jupyter_deploy.check.page import write_page  # nbconvert is heavy, and optional

    return write_page(checks)


def write_json(checks: Sequence[Check]) -> str:
    """Write all that was found, for programs."""
    passed = all(check.passed for check in checks)
    return json.dumps({"passed": passed, "checks": [_describe(check) for check in checks]}, indent=1,
                      ensure_ascii=False) + "\n"


def _describe(check: Check) -> dict[str, Any]:
    return {"title": check.title, "passed": check.passed, **dataclasses.asdict(check)}
