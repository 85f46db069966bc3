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


def write_reports(checks: Sequence[Check], arguments: argparse.Namespace) -> None:
    """Write those that are asked for (raises `UsageError` for a file that cannot be written)."""
    writers: list[tuple[str, Path | None, Callable[[Sequence[Check]], str]]] = [
        ("--json", arguments.json, write_json), ("--junit", arguments.junit, write_junit),
        ("--html", arguments.html, _write_html)]
    for option, file, write in writers:
        if file is not None:
            _write(option, file, write(checks), "w")
    if arguments.markdown is not None:
        _write("--markdown", arguments.markdown, write_markdown(checks), "a")


def _write(option: str, file: Path, text: str, mode: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open(mode, encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"{option} {file}: the report cannot be written: {error.strerror}") from error


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
