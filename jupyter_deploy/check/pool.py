"""Several jobs at a time, each in a process of its own; whatever ends this process ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_deploy.check.evidence import Evidence, Failure, parse_evidence
from jupyter_deploy.check.job import Job

_GRACE = 20.0
"""Seconds that a process may take to end its kernel."""
_SHOWN = 20
"""Lines shown of what a process that crashed said."""


def run_jobs(jobs: Sequence[Job], processes: int, done: Callable[[Job, Evidence], None]) -> list[Evidence]:
    """Run the jobs, at most so many at a time, and give their evidence in the order of the jobs.

    `done` is called as each one ends. On Ctrl-C, and on SIGTERM, all that was started is ended.
    """
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as folder, _interruptible():
        running = _Running(Path(folder), shown=len(jobs) == 1 and sys.stderr.isatty())
        with ThreadPoolExecutor(max(1, processes)) as pool:
            try:
                pending = [pool.submit(running.run, number, job, done) for number, job in enumerate(jobs)]
                return [one.result() for one in pending]
            except BaseException:
                running.end()
                pool.shutdown(wait=True, cancel_futures=True)
                raise


class _Running:
    """The processes that run now."""

    def __init__(self, folder: Path, *, shown: bool) -> None:
        self._folder = folder
        self._shown = shown
        self._processes: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(self, number: int, job: Job, done: Callable[[Job, Evidence], None]) -> Evidence:
        """Run one job and wait for its evidence."""
        output, log = self._folder / f"{number}.json", self._folder / f"{number}.log"
        with log.open("w", encoding="utf-8") as file:
            process = self._start(output, None if self._shown else file)
            if process is None:
                return _crashed(job, "it was not started")
            try:
                with suppress(BrokenPipeError):
                    process.stdin.write(job.dump() + "\n")  # type: ignore[union-attr]  # it is a pipe
                    process.stdin.flush()  # type: ignore[union-attr]
                code = process.wait()
            finally:
                with self._lock:
                    self._processes.discard(process)
                with suppress(BrokenPipeError):
                    process.stdin.close()  # type: ignore[union-attr]
        if output.exists():
            evidence = parse_evidence(output.read_text(encoding="utf-8"))
        else:
            said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN:])
            evidence = _crashed(job, f"it ended with {code}\n{said}".rstrip())
        if not self._ended:
            done(job, evidence)
        return evidence

    def _start(self, output: Path, errors: Any) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._ended:
                return None
            # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
            process = subprocess.Popen([sys.executable, "-m", "jupyter_deploy.check", str(output)], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
                                       start_new_session=True)
            self._processes.add(process)
            return process

    def end(self) -> None:
        """End all processes with their kernels."""
        with self._lock:
            self._ended = True
            processes = list(self._processes)
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _crashed(job: Job, why: str) -> Evidence:
    executed = job.output if Path(job.output).exists() else None
    failure = Failure("ExecutionFailed", f"the process that ran the notebook crashed: {why}")
    return Evidence((failure,), (), (), (), executed, 0.0)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Treat SIGTERM, with which CI systems cancel, as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
