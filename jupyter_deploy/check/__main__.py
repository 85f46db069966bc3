"""The process of one job: reads it from standard input, writes the evidence to the file that it is given.

Standard input stays open as long as the command lives; when it ends, this process ends, and its kernel with it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from jupyter_deploy.check.job import parse_job


def main(output: str) -> None:
    """Run the job."""
    job = parse_job(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from jupyter_deploy.check.running import run_job

    Path(output).write_text(run_job(job).dump(), encoding="utf-8")


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1])
