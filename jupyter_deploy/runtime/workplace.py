"""Where the service's code reads and writes the files that it names by relative paths."""

import os
from pathlib import Path

WORK = ".work"


def enter(bundle: Path) -> None:
    """Work in a copy of the bundle's data: what calls write stays there over restarts, the bundle as it was proven.

    Where nothing can be written, as in a container, the data itself is what there is.
    """
    data = bundle / "data"
    if data.is_dir():
        os.chdir(_copy(data, bundle / WORK))


def _copy(data: Path, work: Path) -> Path:
    if work.is_dir():
        return work
    import shutil  # only what has data pays for it, once

    part = work.with_name(f"{work.name}-{os.getpid()}")
    try:
        shutil.copytree(data, part)
        part.rename(work)
    except OSError:  # nothing can be written, or another worker was faster
        shutil.rmtree(part, ignore_errors=True)
        return work if work.is_dir() else data
    return work


def renew(bundle: Path) -> None:
    """Let the next worker begin with the bundle's data as it is; those that run go on with what they wrote."""
    import shutil

    old = bundle / f"{WORK}-old"
    shutil.rmtree(old, ignore_errors=True)
    if (bundle / WORK).is_dir():
        (bundle / WORK).rename(old)
