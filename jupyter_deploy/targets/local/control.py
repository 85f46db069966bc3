"""How a client and the supervisor talk: a unix socket that only its user can open, one JSON object a line."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from jupyter_deploy import errors
from jupyter_deploy.errors import DeployError, ServiceError, TargetError

PROTOCOL = 3
"""Raised when a request or an answer changes its meaning."""

LOCK = "supervisor.json"
"""In the data folder: locked by the running supervisor, says where it listens."""
STARTING = "supervisor.starting"
"""In the data folder: locked by the client that starts a supervisor."""
LOG = "supervisor.log"

# The shortest limit among our platforms (macOS) is 104 bytes with the final zero.
_PATH_LIMIT = 103


def control_path(runtime: Path) -> Path:
    """Give the socket's path in `runtime`, or in a private folder of the temporary one when that is too long.

    Raises
    ------
    TargetError
        When the private folder belongs to somebody else.

    """
    path = runtime / "control.sock"
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path
    digest = hashlib.sha256(os.fsencode(runtime)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"nbdeploy-{os.getuid()}-{digest}"
    if len(os.fsencode(folder)) > _PATH_LIMIT - len("/control.sock"):
        folder = Path("/tmp") / folder.name  # noqa: S108 - made private and checked below
    folder.mkdir(exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise TargetError("the folder for the control socket is not private to this user", where=str(folder),
                          advice="remove it, or set JUPYTER_RUNTIME_DIR to a short path of your own")
    return folder / "control.sock"


def encode(message: dict[str, Any]) -> bytes:
    """Write one message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Read one line (`ValueError` when it is not a JSON object)."""
    return dict(json.loads(line))


def describe_error(error: DeployError) -> dict[str, Any]:
    """Give an error as JSON, for the client to raise again."""
    return {"type": type(error).__name__, "message": error.message, "where": error.where, "advice": error.advice}


def restore_error(raw: dict[str, Any]) -> DeployError:
    """Build the error that the supervisor raised."""
    kind = {"ServiceError": ServiceError, "UsageError": errors.UsageError}.get(raw["type"], TargetError)
    return kind(raw["message"], where=raw["where"], advice=raw["advice"])
