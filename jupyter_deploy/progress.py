"""What a kernel that runs a notebook for somebody tells meanwhile: lines of a file that is read as it grows.

A notebook that runs without a screen shows its output only when a cell has ended, and a deployment may take minutes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRESS = "NBDEPLOY_PROGRESS"
"""Environment variable: the file to which `%deploy` adds a line for each stage."""
_SECONDS = 0.2


def tell(line: str) -> None:
    """Add a line, if somebody listens."""
    if PROGRESS in os.environ:
        with Path(os.environ[PROGRESS]).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


@contextmanager
def follow(file: Path, hear: Callable[[str], None]) -> Iterator[None]:
    """Call `hear` with the lines that come meanwhile."""
    file.touch()
    ended = threading.Event()

    def read() -> None:
        with file.open(encoding="utf-8") as lines:
            while True:
                last = ended.is_set()
                if text := lines.read():
                    hear(text)
                if last:
                    return
                ended.wait(_SECONDS)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
