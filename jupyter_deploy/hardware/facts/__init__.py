"""Facts about frameworks, CUDA and Debian: JSON files beside this one, each with its source."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any


@functools.cache
def read_facts(name: str) -> dict[str, Any]:
    """Read `cuda`, `debian` or `frameworks`."""
    facts: dict[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    return facts
