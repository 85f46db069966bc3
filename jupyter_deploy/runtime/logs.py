"""Logs: JSON lines on standard error."""

from __future__ import annotations

import faulthandler
import json
import logging
import sys
import time
from typing import Any

LOGGER = logging.getLogger("nbdeploy")


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, message, and what was passed as `extra={"detail": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the record's line."""
        line: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "detail", {}),
        }
        if record.name != LOGGER.name:
            line["logger"] = record.name
        if record.exc_info:
            line.setdefault("traceback", self.formatException(record.exc_info))
        return json.dumps(line, default=str, ensure_ascii=False)


def start_logging() -> None:
    """Send all of this process's log records, the service's own too, to standard error as JSON lines.

    Should native code crash the process, the Python stack comes last, as plain text.
    """
    faulthandler.enable()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    LOGGER.setLevel(logging.INFO)


def log(level: int, message: str, *, error: BaseException | None = None, **detail: object) -> None:
    """Log `message` with further fields and an exception's traceback."""
    given = {name: value for name, value in detail.items() if value is not None}
    LOGGER.log(level, message, exc_info=error, extra={"detail": given})
