"""The way to an engine behind SSH: its socket, brought here by `ssh` itself, which knows the user's keys and detours.

The SDK's own way takes a library more, and a connection for each request.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

_SECONDS = 30
"""How long connecting may take."""
_SOCKET = "/var/run/docker.sock"


@contextmanager
def tunnel(address: str) -> Iterator[str]:
    """Give the local address of the engine at `ssh://user@machine:port/socket` while it lasts (raises `OSError`)."""
    parts = urlsplit(address)
    with tempfile.TemporaryDirectory(prefix="nbdeploy-ssh-") as folder:
        ours, log = Path(folder, "docker.sock"), Path(folder, "log")
        user = ["-l", parts.username] if parts.username else []
        port = ["-p", str(parts.port)] if parts.port else []
        command = ["ssh", "-T", "-S", "none", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes",
                   "-L", f"{ours}:{parts.path or _SOCKET}", *user, *port, "--", parts.hostname or "",
                   "cat"]  # which ends with us, and the connection with it
        with log.open("wb") as errors, subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
                start_new_session=True) as process:  # Ctrl-C is for the build, which then tidies up through it
            try:
                _wait(process, ours, log)
                yield f"unix://{ours}"
            finally:
                process.terminate()


def _wait(process: subprocess.Popen[bytes], ours: Path, log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while not ours.exists():
        if process.poll() is not None or time.monotonic() > until:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise OSError(said[-1] if said else "ssh does not connect")
        time.sleep(0.01)
