"""Findings as lines that editors and people know from compilers, and the exit code that goes with them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.errors import UsageError
from jupyter_deploy.static.analysis import find_static


def check_static(paths: Sequence[Path], *, strict: bool = False) -> int:
    """Print what is found in notebooks, and in folders of notebooks, without running them.

    Gives 0 when nothing stands in the way, else 1: errors, and with `strict` warnings, too.

    Raises
    ------
    UsageError
        When no notebook is given, or a folder has none.

    """
    counts: Counter[str] = Counter()
    notebooks = list_notebooks(paths)
    for path in notebooks:
        for finding in find_static(path):
            counts[finding.severity] += 1
            sys.stdout.write(format_finding(finding) + "\n")
    failing = counts["error"] + (counts["warning"] if strict else 0)
    sys.stderr.write(_summarise(counts, len(notebooks)) + "\n")
    return 1 if failing else 0


def list_notebooks(paths: Iterable[Path]) -> list[Path]:
    """Give the notebooks named, and those in folders named, but for checkpoints and hidden folders.

    Raises
    ------
    UsageError
        When that is none, or a folder has none.

    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(_walk(path)) if path.is_dir() else [path]
        if not inside:
            raise UsageError("the folder has no notebook", where=str(path))
        found += inside
    if not found:
        raise UsageError("no notebook is given", advice="name notebooks, or a folder of notebooks")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.ipynb"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def format_finding(finding: Finding) -> str:
    """Write a finding: `notebook.ipynb: cell 3, line 2: warning: what is wrong [code]`, its advice below."""
    place = f"{finding.notebook}: {finding.cell}" if finding.cell else finding.notebook
    text = f"{place}: {finding.severity}: {finding.message} [{finding.code}]"
    return text if finding.advice is None else f"{text}\n    → {finding.advice}"


def _summarise(counts: Counter[str], notebooks: int) -> str:
    parts = [f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}"
             for severity in ("error", "warning", "note") if counts[severity]]
    looked = f"{notebooks} notebook{'s' * (notebooks != 1)} read, none run"
    return f"{', '.join(parts) or 'nothing found'} ({looked})"
