"""Starting processes of the supervisor: `Children` waits for their end, and nobody else may."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


def spawn(command: Sequence[str], descriptors: Sequence[int], *, log: IO[bytes] | None = None,
          variables: Mapping[str, str] | None = None, folder: Path | None = None) -> int:
    """Start a process in a session of its own, so that whatever it starts itself goes with it; gives its number.

    Raises
    ------
    OSError
        When it cannot be started.

    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=variables, cwd=folder,
                               pass_fds=tuple(descriptors), start_new_session=True)
    process.returncode = 0  # so that `Popen` does not wait for it
    return process.pid
