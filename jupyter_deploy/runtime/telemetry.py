"""Nothing that a service runs on reports home."""

from __future__ import annotations

import os

ONNX = "ORT_DISABLE_TELEMETRY"


def disable_telemetry() -> None:
    """Keep ONNX Runtime from sending reports, unless the variable says otherwise; to be called before it is imported.

    It would also keep a database open in the user's home and a thread running, which nothing may have that is forked.
    """
    os.environ.setdefault(ONNX, "1")
