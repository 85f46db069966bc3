"""What was measured: second by second, and in all."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

STEPS = 50.0
"""Latencies are counted in steps of 2 %."""
_SMALLEST = 1e-6
REJECTED = ("429", "503")


def step_of(seconds: float) -> int:
    """Give the step that a latency falls into."""
    return int(math.log(max(seconds, _SMALLEST) / _SMALLEST) * STEPS)


def seconds_of(step: int) -> float:
    """Give the middle of a step."""
    return _SMALLEST * math.exp((step + 0.5) / STEPS)


@dataclass(frozen=True)
class Second:
    """What came of requests in one second of the run."""

    number: int
    sent: int = 0
    answered: Mapping[str, int] = field(default_factory=dict)
    """By status."""
    wrong: int = 0
    """Answers that are not the notebook's."""
    lost: int = 0
    """Requests that got no answer."""
    latency: Mapping[int, int] = field(default_factory=dict)
    """Steps of the latency of the answers with status 200, from the moment at which each was due."""
    late: float = 0.0
    """How far behind its moment the next request was at the end, for want of a connection: seconds."""
    connections: int = 0
    cpu: float = 0.0
    """Seconds of processor time that the generator took."""
    workers: float | None = None
    """How many took requests; None where nobody looked."""

    @property
    def rejected(self) -> int:
        """Answers that said: not now."""
        return sum(self.answered.get(status, 0) for status in REJECTED)

    @property
    def good(self) -> int:
        """Answers with status 200."""
        return self.answered.get("200", 0)

    def quantile(self, share: float) -> float | None:
        """Give the seconds within which `share` of the answers came."""
        return quantile(self.latency, share)


def read_second(raw: Mapping[str, Any]) -> Second:
    """Read what the generator writes."""
    return Second(**{**raw, "latency": {int(step): count for step, count in raw["latency"].items()}})


def quantile(latency: Mapping[int, int], share: float) -> float | None:
    """Give the seconds that `share` of the latencies do not exceed, to 1 %; None when there are none."""
    left = math.ceil(share * sum(latency.values()))
    for step, count in sorted(latency.items()):
        left -= count
        if left <= 0:
            return seconds_of(step)
    return None


def add_up(latencies: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Make one distribution of several."""
    total: Counter[int] = Counter()
    for one in latencies:
        total.update(one)
    return dict(total)


@dataclass(frozen=True)
class First:
    """The first request after a silence, or of all."""

    moment: float
    """When it was due, in seconds of the run."""
    seconds: float
    """How long its answer took."""
    workers: int | None
    """How many took requests when it was due."""


@dataclass(frozen=True)
class Other:
    """What a version answered that is tried beside the one whose golden calls were played."""

    answers: int
    """With status 200."""
    wrong: int
    """Those that are not the answers of the notebook of the live version; it may have been made to differ."""
    differences: tuple[str, ...] = ()
    """Some of them."""


@dataclass(frozen=True)
class Outcome:
    """What a rehearsal showed."""

    name: str
    version: str
    shape: str
    planned: int
    """Requests that the shape has."""
    peak: float
    """Its highest rate, in requests a second."""
    seconds: tuple[Second, ...]
    firsts: tuple[First, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why requests were lost."""
    differences: tuple[str, ...] = ()
    """Some of the wrong answers."""
    others: Mapping[str, Other] = field(default_factory=dict)
    """By version: what a canary answered. None of it counts as wrong."""
    unchecked: int = 0
    """Answers to recorded bodies, of which nobody knows what is right."""
    worker_seconds: float | None = None
    most_workers: int | None = None
    duration: float = 0.0
    """From the first request's moment to the last answer, or to the end of the silence after it, in seconds."""
    began: float = 0.0
    """Seconds since 1970."""
    cpu_per_request: float | None = None
    """Seconds of processor time that the workers took for a request; None where it was not measured."""
    memory: int | None = None
    """The most bytes that the workers held."""
    cores: int = 1
    replaced: str | None = None
    """The version that was live at the end, where it is another one."""
    copied: bool = False
    """It was a copy that was called."""
    interrupted: bool = False

    def total(self, status: str) -> int:
        """Add up the answers with a status."""
        return sum(second.answered.get(status, 0) for second in self.seconds)

    @property
    def sent(self) -> int:
        """Requests that were sent, and those that found no way."""
        return self.answered + self.lost

    @property
    def answered(self) -> int:
        """Answers of any kind."""
        return sum(sum(second.answered.values()) for second in self.seconds)

    @property
    def good(self) -> int:
        """Answers with status 200."""
        return self.total("200")

    @property
    def rejected(self) -> int:
        """Answers that said: not now."""
        return sum(second.rejected for second in self.seconds)

    @property
    def failed(self) -> int:
        """All other answers."""
        return self.answered - self.good - self.rejected

    @property
    def wrong(self) -> int:
        """Answers that are not the notebook's."""
        return sum(second.wrong for second in self.seconds)

    @property
    def lost(self) -> int:
        """Requests that got no answer."""
        return sum(second.lost for second in self.seconds)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, wrong or failed."""
        return not (self.lost or self.wrong or self.failed)

    @property
    def latency(self) -> dict[int, int]:
        """The distribution of all latencies."""
        return add_up(second.latency for second in self.seconds)

    @property
    def fastest(self) -> float:
        """The most answers of status 200 in a second."""
        return max((second.good for second in self.seconds), default=0)

    @property
    def needed(self) -> float | None:
        """Cores that the workers need for the peak, if they are to be busy for 70 % of the time."""
        return None if self.cpu_per_request is None else self.peak * self.cpu_per_request / 0.7

    @property
    def avoided(self) -> float | None:
        """The share of the worker-seconds that would have been paid for if the most workers had always run."""
        if self.worker_seconds is None or not self.held:
            return None
        return max(0.0, 1 - self.worker_seconds / self.held)

    @property
    def held(self) -> float:
        """The worker-seconds of the most workers, held all the time."""
        return (self.most_workers or 0) * self.duration

    def dump(self) -> dict[str, Any]:
        """Give everything as a JSON object, with the figures that the report tells."""
        latency = self.latency
        quantiles = {f"p{share * 100:g}": quantile(latency, share) for share in (0.5, 0.9, 0.99, 0.999)}
        told = {key: getattr(self, key) for key in ("sent", "answered", "good", "rejected", "failed", "wrong", "lost",
                                                    "fastest", "needed", "avoided", "holds")}
        seconds = [{**dataclasses.asdict(one), **{f"p{share * 100:g}": one.quantile(share) for share in (0.5, 0.99)}}
                   for one in self.seconds]
        return {**dataclasses.asdict(self), **told, **quantiles, "seconds": _drop(seconds, "latency")}


def _drop(rows: Sequence[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != key} for row in rows]
