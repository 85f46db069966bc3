"""A warm parent: a process that has loaded a service and becomes its workers by forking, each of them in milliseconds.

What it has loaded is shared by all of them until one writes to it. A copy has one thread and shares all open files, so
only a process with one thread and nothing open may be copied; what stands against it is told.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import re
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .control import Control
from .owners import find_owner, name_starter

_TASKS = Path("/proc/self/task")
_DESCRIPTORS = Path("/proc/self/fd")
_PREPARED = frozenset({"jemalloc_bg_thd"})
"""Threads of libraries that take care of themselves in a copy (jemalloc, which comes with Arrow)."""
_PATIENCE = 0.1
"""Seconds within which threads that have been told to end are gone."""
_KINDS = {"socket": "a connection", "pipe": "a pipe"}
"""What some descriptors stand for, by how the system names them."""
_SETUP = "in a cell tagged deploy:setup, which runs in each worker"
_SEEDING = re.compile(r"\b(?:seed|manual_seed|set_seed|set_random_seed|seed_everything|setstate|set_state)\s*\(")


@dataclass(frozen=True)
class Birth:
    """What a worker is told when it is forked."""

    control: Control
    """Its own channel to the supervisor."""
    metrics_file: Path | None
    begun: float = 0.0
    """When it was forked, by `perf_counter`; 0 for a process that was not."""


def list_descriptors() -> frozenset[int]:
    """Give the open file descriptors (none where the system does not tell)."""
    listed = [int(one.name) for one in _DESCRIPTORS.iterdir()] if _DESCRIPTORS.exists() else []
    # One of them was the folder's own.
    return frozenset(number for number in listed if _is_open(number))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def find_obstacle(bundle: Path, before: frozenset[int]) -> str | None:
    """Say what stands against copying this process; None: nothing.

    Parameters
    ----------
    before
        The descriptors that were open before the service was loaded.

    """
    if sys.platform != "linux":
        return "processes are forked on Linux only: elsewhere system libraries do not allow it"
    opened = {number: _name_descriptor(number) for number in sorted(list_descriptors() - before)}
    if any(name.startswith("/dev/nvidia") for name, _ in opened.values()):
        return "it holds a GPU"
    for number, (name, reading) in opened.items():
        if name and not (reading and (name.startswith((f"{bundle}/state/", "/dev/")))):
            kept = _KINDS.get(name.partition(":")[0], name)
            return (f"{find_owner(number)} keeps {kept} open, which copies would share: "
                    f"open it in the function that uses it, or {_SETUP}")
    _fork_for_nothing()
    threads = _list_threads()
    end = time.monotonic() + _PATIENCE
    while threads and time.monotonic() < end:
        time.sleep(0.001)
        threads = _list_threads()
    if not threads:
        return None
    running, them = ("a thread", "it") if len(threads) == 1 else (f"{len(threads)} threads", "them")
    return (f"{name_starter(threads[0])} keeps {running} running, which copies would not have: "
            f"start {them} when a call needs {them}, or {_SETUP}")


def _name_descriptor(number: int) -> tuple[str, bool]:
    """Give what a descriptor stands for, empty when it is closed meanwhile, and whether it is for reading only."""
    try:
        flags = next(line for line in Path(f"/proc/self/fdinfo/{number}").read_text().splitlines() if "flags" in line)
        return str((_DESCRIPTORS / str(number)).readlink()), int(flags.split()[1], 8) & os.O_ACCMODE == os.O_RDONLY
    except (OSError, StopIteration):
        return "", False


def _list_threads() -> list[tuple[int, str]]:
    """Give the system's numbers and names of all threads but this one and those that need no care."""
    found = []
    for task in _TASKS.iterdir():
        with contextlib.suppress(OSError):
            if task.name != str(os.getpid()):
                found.append((int(task.name), (task / "comm").read_text().strip()))
    return sorted(one for one in found if one[1] not in _PREPARED)


def _fork_for_nothing() -> None:
    """Fork once: libraries that are prepared for it end their threads then, and begin them anew when they need them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads: that is what it is for
        child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def wait_for_births(control: Control, bundle: Path) -> Birth | None:
    """Fork a worker whenever the supervisor asks for one; gives, in the worker, what it was told.

    In the parent it returns None, when the supervisor has no more use for it or is gone. The parent tells of its
    children: `{"event": "forked", "pid": P}`, and `{"event": "exited", "pid": P, "status": S}` when one has ended.
    """
    gc.collect()
    gc.freeze()
    numbers = random.getstate() if _seeds_itself(bundle) else None
    waiting = [signal.SIGCHLD]
    signal.signal(signal.SIGCHLD, lambda *_: _report_ended(control))
    while True:
        operations, descriptors = control.receive()
        for message in operations:
            if message["op"] != "fork":
                return None
            # A child that ends at once is told of after it was told that there is one.
            signal.pthread_sigmask(signal.SIG_BLOCK, waiting)
            pid = _fork(control)
            if pid == 0:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, waiting)
                _begin_anew(numbers)
                return Birth(Control(descriptors[0]), Path(message["metrics_file"]), time.perf_counter())
            os.close(descriptors.pop(0))
            if pid is not None:
                control.send("forked", pid=pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, waiting)


def _fork(control: Control) -> int | None:
    try:
        return os.fork()
    except OSError as error:
        control.send("unborn", error=str(error))
        return None


def _report_ended(control: Control) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            control.send("exited", pid=pid, status=os.waitstatus_to_exitcode(status))


def _begin_anew(numbers: Any) -> None:
    """Make of a copy a process of its own; `numbers` is where its random numbers go on, None: anywhere."""
    # Its own session: whatever it starts itself goes with it.
    os.setsid()
    if numbers is not None:
        # A process that starts anew would begin with the very numbers that the code asks for; so does this one, though
        # Python itself has just begun them anew in the copy. NumPy and PyTorch have not.
        random.setstate(numbers)
        return
    # One by one: a copy of all modules would touch the memory of each, and that has to be copied first.
    numbers_of: Any = sys.modules.get("numpy.random")
    if numbers_of is not None:
        numbers_of.seed()
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.seed()


def _seeds_itself(bundle: Path) -> bool:
    """Tell whether the service's own code sets where random numbers begin."""
    files = [bundle / "service.py", *sorted((bundle / "modules").rglob("*.py"))]
    return any(_SEEDING.search(file.read_text(encoding="utf-8", errors="replace")) for file in files if file.exists())
