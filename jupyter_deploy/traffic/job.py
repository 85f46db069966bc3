"""What the generator of load is told to do, and how that travels to its process."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jupyter_deploy.proof import Tolerance
from jupyter_deploy.traffic.shape import parse_shape


@dataclass(frozen=True)
class Case:
    """A request, and what is right to answer."""

    entry: str
    request: bytes
    """As it is sent."""
    answer: Any = None
    checked: bool = True
    """Whether the answer is known."""

    def dump(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {**asdict(self), "request": base64.b64encode(self.request).decode()}


@dataclass(frozen=True)
class Job:
    """What the generator is to do."""

    host: str
    port: int
    cases: tuple[Case, ...]
    shape: str | None
    """Played with all cases in turn; None where `recorded` says what is due."""
    recorded: tuple[tuple[float, int], ...]
    """For each request its moment and its case."""
    tolerance: Tolerance
    connections: int
    """The most at a time; one is opened when it is needed."""
    patience: float
    """Seconds for which the last answers are waited for."""
    version: str = ""
    """Whose answers the cases have; what another one answers is told apart."""

    def dump(self) -> str:
        """Write it as JSON."""
        return json.dumps({**asdict(self), "cases": [case.dump() for case in self.cases]})

    @property
    def seconds(self) -> float:
        """How long it takes, with the silence at its end; a log ends with its last request."""
        return 0.0 if self.shape is None else parse_shape(self.shape).seconds

    def due(self) -> Iterator[tuple[float, int]]:
        """Give the moment and the case of each request."""
        if self.shape is None:
            yield from self.recorded
            return
        count = len(self.cases)
        for number, moment in enumerate(parse_shape(self.shape).moments()):
            yield moment, number % count


def parse_job(text: str) -> Job:
    """Read what `Job.dump` writes."""
    raw = json.loads(text)
    cases = tuple(Case(**{**one, "request": base64.b64decode(one["request"])}) for one in raw["cases"])
    recorded = tuple((moment, case) for moment, case in raw["recorded"])
    return Job(**{**raw, "cases": cases, "recorded": recorded, "tolerance": tuple(raw["tolerance"])})


def write_request(entry: str, body: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
    """Write a request as it is sent."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return (b"POST /%b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b"
            % (entry.encode(), lines.encode(), len(body), body))
