"""What running a notebook showed: values alone, to be judged without a kernel."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Failure:
    """What stopped the notebook or its deployment."""

    kind: str
    """The error's class."""
    message: str
    where: str | None = None
    advice: str | None = None
    usage: bool = False
    """It was wrong use, such as an unknown parameter."""
    differences: tuple[Mapping[str, Any], ...] = ()
    """Where the packaged service answers differently: `proof.Difference` as JSON."""
    unsteady: bool = False
    """It answered the same call differently from one time to the next."""


@dataclass(frozen=True)
class CellTest:
    """What came of a `deploy:test` cell."""

    cell: str
    title: str
    """Its first line."""
    result: Literal["passed", "failed", "not run"]
    message: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class StaleOutput:
    """A cell whose saved output is not what running it gives."""

    cell: str
    saved: str
    now: str


@dataclass(frozen=True)
class Evidence:
    """What running a notebook showed."""

    failures: tuple[Failure, ...]
    services: tuple[Mapping[str, Any], ...]
    """What `check.kernel` wrote of each service that was proven; none when the notebook did not come so far."""
    tests: tuple[CellTest, ...]
    stale: tuple[StaleOutput, ...]
    executed: str | None
    """The executed notebook's file."""
    seconds: float

    def dump(self) -> str:
        """Write it as JSON."""
        return json.dumps(dataclasses.asdict(self))


def parse_evidence(text: str) -> Evidence:
    """Read what `dump` wrote."""
    raw = json.loads(text)
    failures = tuple(Failure(**{**one, "differences": tuple(one["differences"])}) for one in raw["failures"])
    return Evidence(failures, tuple(raw["services"]), tuple(CellTest(**one) for one in raw["tests"]),
                    tuple(StaleOutput(**one) for one in raw["stale"]), raw["executed"], raw["seconds"])
