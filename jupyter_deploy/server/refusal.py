"""What goes wrong behind a route, as one JSON shape: `{"error": {"type", "message", "where", "advice"}}`."""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

from jupyter_deploy.errors import DeployError, DiskFull, TargetError, UsageError


class UnknownEndpoint(TargetError):
    """The registry has no deployment of that name, so nothing is asked or called."""


def describe_error(error: BaseException) -> tuple[int, dict[str, Any]]:
    """Give the HTTP status and the body for an error."""
    if isinstance(error, DeployError):
        return _status_of(error), _body(type(error).__name__, error.message, error.where, error.advice)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return 507, _body("DiskFull", "the disk is full", str(error.filename or "") or None, "free some space")
    if isinstance(error, sqlite3.Error):
        from jupyter_deploy.registry import explain_failure, registry_path  # not while Jupyter starts

        return describe_error(explain_failure(registry_path(), error))
    return 500, _body(type(error).__name__, str(error) or "the server failed", None,
                      "the Jupyter server's log has the traceback")


def _status_of(error: DeployError) -> int:
    if isinstance(error, UnknownEndpoint):
        return 404
    if isinstance(error, DiskFull):
        return 507
    return 400 if isinstance(error, UsageError) else 409


def _body(kind: str, message: str, where: str | None, advice: str | None) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message, "where": where, "advice": advice}}
