"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know of a notebook before it is released."""

    severity: Severity
    code: str
    """What kind of finding it is, for machines: `stale-cell`, `answer-moved`."""
    message: str
    notebook: str
    cell: str | None = None
    """Where in the notebook: `cell 3` counts the cells of the document, `cell [8]` is the one executed as number 8."""
    advice: str | None = None
    """What to do next."""
