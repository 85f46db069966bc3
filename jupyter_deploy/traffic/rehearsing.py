"""The rehearsal: the generator in a process of its own, an observer beside it, and what both saw."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_deploy.errors import DeployError, ServiceError
from jupyter_deploy.targets.target import Status
from jupyter_deploy.traffic.figures import First, Other, Outcome, Second, read_second
from jupyter_deploy.traffic.job import Job
from jupyter_deploy.traffic.observer import Observer

Progress = Callable[[Second], None]
"""Called once a second."""


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """What is to be played against whom."""

    name: str
    """The endpoint's, also where a copy of it is called."""
    status: Status
    look: Callable[[], Status]
    """Tells how it is now."""
    job: Job
    shape: str
    """What people call it: the shape's text, or the log's name."""
    planned: int
    peak: float
    copied: bool = False


def address(status: Status) -> tuple[str, int]:
    """Give where a deployment listens."""
    parts = urlsplit(status.url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def rehearse(rehearsal: Rehearsal, progress: Progress) -> Outcome:
    """Play the traffic; Ctrl-C ends it early, and what was done until then is the outcome.

    Raises
    ------
    ServiceError
        When the generator itself fails.

    """
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.touch(mode=0o600)
        job.write_text(rehearsal.job.dump(), encoding="utf-8")
        observer = Observer(rehearsal.status.name, lambda: rehearsal.look().workers)
        try:
            lines, interrupted = _generate(job, progress)
        finally:
            observer.finish()
    return _conclude(rehearsal, observer, lines, interrupted=interrupted)


def _generate(job: Path, progress: Progress) -> tuple[list[dict[str, Any]], bool]:
    """Run the generator; gives its lines, and whether it was interrupted."""
    command = [sys.executable, "-m", "jupyter_deploy.traffic.generator", str(job)]
    lines: list[dict[str, Any]] = []
    interrupted = False
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdin is not None
            reading = _read_lines(process)
            while True:
                try:
                    for line in reading:
                        lines.append(line)
                        if "number" in line:
                            progress(read_second(line))
                    break
                except KeyboardInterrupt:
                    if interrupted:
                        raise
                    # It sends no more, waits a moment for what is under way, and tells the rest.
                    interrupted = True
                    process.stdin.close()
                    reading = _read_lines(process)
        except BaseException:
            process.kill()
            raise
    if process.returncode or not lines or "firsts" not in lines[-1]:
        raise ServiceError(f"the generator of the load ended with status {process.returncode}",
                           advice="what it said is above")
    return lines, interrupted


def _read_lines(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    while line := process.stdout.readline():
        yield json.loads(line)


def _conclude(rehearsal: Rehearsal, observer: Observer, lines: list[dict[str, Any]], *, interrupted: bool) -> Outcome:
    *seconds, end = lines
    observer.align(end["begin"])
    found = tuple(dataclasses.replace(second, workers=observer.most_between(second.number, second.number + 1))
                  for second in map(read_second, seconds))
    firsts = tuple(First(moment, took, observer.workers_at(moment)) for moment, took in end["firsts"])
    others = {version: Other(one["answers"], one["wrong"], tuple(one["differences"]))
              for version, one in end["others"].items()}
    cost = observer.measure()
    live = _find_version(rehearsal)
    return Outcome(
        rehearsal.name, rehearsal.status.version, rehearsal.shape, rehearsal.planned, rehearsal.peak, found,
        firsts=firsts, reasons=end["reasons"], differences=tuple(end["differences"]), others=others,
        unchecked=end["unchecked"], began=observer.began, worker_seconds=observer.worker_seconds(end["duration"]),
        most_workers=max((count for _, count in observer.counts), default=None), duration=end["duration"],
        cpu_per_request=cost.cpu_per_request, memory=cost.memory, cores=_count_cores(),
        replaced=live if live != rehearsal.status.version else None, copied=rehearsal.copied, interrupted=interrupted)


def _find_version(rehearsal: Rehearsal) -> str:
    """Tell which version is live now; the one that was, where nobody knows."""
    with contextlib.suppress(DeployError, OSError, IndexError):
        return rehearsal.look().version
    return rehearsal.status.version


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
