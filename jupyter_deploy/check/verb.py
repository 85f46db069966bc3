"""`nbdeploy check`: the grammar, and the way from the command line to reports and an exit code."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_deploy.errors import UsageError
from jupyter_deploy.options import add_parameters

if TYPE_CHECKING:
    from jupyter_deploy.check.evidence import Evidence
    from jupyter_deploy.check.job import Job
    from jupyter_deploy.check.judgement import Limits

CELL_SECONDS = 1800
START_SECONDS = 60
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0}


def add_check(verbs: Any) -> None:
    """Add the verb to the grammar of the command."""
    check = verbs.add_parser(
        "check", help="prove that notebooks still become their services; nothing goes live",
        description="Run notebooks, capture and prove their services, run their deploy:test cells against them, and "
                    "compare each with its contract, NAME.contract.json beside the notebook. Nothing goes live. "
                    "Exit code 0: all passed; 1: something fell short; 2: wrong use.")
    check.set_defaults(run=run_check)
    check.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    add_parameters(check, "YAML with names and values, or with a list of such sets: each is checked")
    check.add_argument("--entry", action="append", default=[], metavar="ENTRY|MODEL",
                       help="what to serve, for notebooks without a %%deploy line or tags; can be repeated")
    check.add_argument("--name", help="the service's name; by default the notebook's")
    check.add_argument("--example", action="append", default=[], metavar="EXPR", dest="examples",
                       help="a golden call, such as 'predict(df.head(3))'; can be repeated")
    check.add_argument("--unproven", action="store_true", help="check even without a golden call")
    check.add_argument("--kernel", metavar="K", help="the kernel to run them with; by default the notebook's own")
    check.add_argument("--output", type=Path, metavar="DIR", help="where the executed notebooks go")
    check.add_argument("--cell-timeout", type=int, default=CELL_SECONDS, metavar="S",
                       help=f"seconds that one cell may take; 0: no limit (default: {CELL_SECONDS})")
    check.add_argument("--start-timeout", type=int, default=START_SECONDS, metavar="S",
                       help=f"seconds that a kernel may take to start (default: {START_SECONDS})")
    check.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2), metavar="N",
                       help="notebooks to run at a time (default: half as many as there are processors)")
    check.add_argument("--static", action="store_true",
                       help="only look at the saved notebooks, or at folders of them; run nothing")
    _add_gates(check)
    _add_reports(check)
    check.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _add_gates(check: argparse.ArgumentParser) -> None:
    check.add_argument("--against", metavar="SOURCE", help="compare with the service at a URL, a bundle's folder, or "
                                                           "the contract of a git ref, not with the contract file")
    check.add_argument("--api-key", metavar="KEY", help="the service's key: what the one at --against's URL wants to "
                                                        "see; $NAME takes it from the environment")
    check.add_argument("--update", action="store_true", help="record the contract again")
    check.add_argument("--max-drift", default="0", metavar="D",
                       help="how far a number of a golden answer may move: 0.01, or 5%% of it (default: 0)")
    check.add_argument("--p95", metavar="TIME", help="budget of an entry's 95th percentile, such as 20ms")
    check.add_argument("--memory", metavar="SIZE", help="budget of a worker's memory, such as 500MB")
    check.add_argument("--image-size", metavar="SIZE",
                       help="budget of its container image, which is built for that, such as 1GB")
    check.add_argument("--requirements", type=Path, metavar="FILE",
                       help="where packages must be pinned; by default the nearest requirements.txt, if there is one")
    check.add_argument("--strict", action="store_true", help="fail on warnings, too")


def _add_reports(check: argparse.ArgumentParser) -> None:
    check.add_argument("--json", type=Path, metavar="FILE", help="write all that was found as JSON")
    check.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML, as CI systems read it")
    check.add_argument("--markdown", type=Path, metavar="FILE",
                       help="append a summary for a pull request; $GITHUB_STEP_SUMMARY is such a file")
    check.add_argument("--html", type=Path, metavar="FILE", help="write a page with the executed notebooks")


def run_check(arguments: argparse.Namespace) -> int:
    """Check the notebooks and give the exit code (raises `UsageError`)."""
    if arguments.static:
        from jupyter_deploy.static import check_static

        return check_static(arguments.notebooks, strict=arguments.strict)
    # Imported here: the grammar is built for every verb of the command.
    from jupyter_deploy.check.conclusion import conclude
    from jupyter_deploy.check.plan import Planned, make_jobs
    from jupyter_deploy.check.pool import run_jobs
    from jupyter_deploy.check.reports import check_reports, write_reports
    from jupyter_deploy.check.summary import write_summary

    limits = _read_limits(arguments)
    planned: list[Planned] = make_jobs(arguments, limits)
    check_reports(arguments)  # what cannot be written is told before anything runs

    def tell(job: Job, evidence: Evidence) -> None:
        if len(planned) > 1:
            sys.stderr.write(f"{'ran' if not evidence.failures else 'failed'}  {job.title}\n")

    sys.stderr.write(f"checking {', '.join(one.job.title for one in planned)}\n")
    found = run_jobs([one.job for one in planned], arguments.jobs, tell)
    checks = [check for one, evidence in zip(planned, found, strict=True)
              for check in conclude(one, evidence, limits, update=arguments.update)]
    sys.stdout.write(write_summary(checks, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ) + "\n")
    write_reports(checks, arguments)
    if any(check.usage for check in checks):
        return 2
    return 0 if all(check.passed for check in checks) else 1


def _read_limits(arguments: argparse.Namespace) -> Limits:
    from jupyter_deploy.check.budgets import Budgets
    from jupyter_deploy.check.drift import parse_drift
    from jupyter_deploy.check.judgement import Limits

    budgets = Budgets(_read(arguments.p95, _TIMES, "--p95", "20ms"), _read_size(arguments.memory, "--memory"),
                      _read_size(arguments.image_size, "--image-size"))
    return Limits(parse_drift(arguments.max_drift), budgets, arguments.strict, arguments.requirements)


def _read(text: str | None, units: dict[str, float], option: str, example: str) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text.strip())
    if found is None or found.group(2).lower() not in units:
        raise UsageError(f"{option} {text}: wanted a number with a unit", advice=f"such as {example}")
    return float(found.group(1)) * units[found.group(2).lower()]


def _read_size(text: str | None, option: str) -> int | None:
    size = _read(text, {unit: float(factor) for unit, factor in _SIZES.items()}, option, "500MB")
    return None if size is None else int(size)
