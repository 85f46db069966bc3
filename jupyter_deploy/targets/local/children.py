"""Processes that end: the children of the supervisor, and their children once they are orphaned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable

from jupyter_deploy.targets.local.keeping import Keeping

_PR_SET_CHILD_SUBREAPER = 36

OnExit = Callable[[int], None]
"""Takes the exit status, negative for a signal."""


class Children:
    """Waits for every process that ends, and tells whoever watches it.

    A worker that a warm parent has forked is that parent's child, and becomes the supervisor's when the parent ends.
    What must outlive the supervisor is in `keeping`.
    """

    def __init__(self, keeping: Keeping | None = None) -> None:
        self.keeping = keeping or Keeping()
        self._watched: dict[int, OnExit] = {}
        _adopt_orphans()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._wait)

    def watch(self, pid: int, on_exit: OnExit) -> None:
        """Call `on_exit` when the process has ended."""
        self._watched[pid] = on_exit

    def tell(self, pid: int, status: int) -> None:
        """Note that a process has ended, for which another one has waited."""
        if on_exit := self._watched.pop(pid, None):
            on_exit(status)

    def _wait(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self.tell(pid, os.waitstatus_to_exitcode(status))


def _adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends (Linux; elsewhere nothing is forked)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
