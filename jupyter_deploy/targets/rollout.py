"""A new version beside the live one: its figures, and the rules by which it is promoted or taken away.

Everything here is data and functions of it: no process, no clock, no disk.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_deploy.metrics import Sample

Mode = Literal["canary", "shadow"]
FEW = 3
"""Errors, or disagreements, below which nothing is concluded."""
NOTICEABLE = 0.005
"""Seconds: a version that is slower by less is not slower."""
_CERTAINTY = 1.96
"""Standard deviations: what is concluded of a share is wrong in one of forty cases."""


@dataclass(frozen=True)
class Rules:
    """When a version is promoted, and when it is taken away."""

    promote_after: float | None = None
    """Seconds after which it takes over, if all else holds; None: never by itself."""
    min_requests: int = 100
    """So many of its answers are needed for that, and for a verdict on its speed."""
    max_error_rate: float = 0.01
    """The share of its answers that may be errors, beyond the share of the live version's."""
    max_slowdown: float = 2.0
    """How many times the live version's p95 a canary's may be."""
    max_disagreement: float | None = None
    """The share of a shadow's answers that may differ; None: any."""
    tolerance: float = 0.0
    """Numbers in answers that differ by no more are equal."""


@dataclass(frozen=True)
class VersionFigures:
    """What one version answered."""

    requests: int = 0
    errors: int = 0
    """Answers with status 500 and above."""
    refused: int = 0
    """Answers with which the caller's arguments were refused: 400, 415, 422."""
    latency: dict[float, int] = field(default_factory=dict)
    """As in `Sample`; of a shadow empty, as nothing follows from its times."""

    @property
    def error_rate(self) -> float:
        """The share of answers that no caller wants: errors and refusals."""
        return (self.errors + self.refused) / self.requests if self.requests else 0.0

    def quantile(self, share: float) -> float | None:
        """Give the seconds within which a share of the requests was answered; None without any."""
        return Sample(0.0, 0.0, self.requests, self.errors, self.latency).quantile(share)

    def describe(self) -> dict[str, Any]:
        """Give the figures as JSON."""
        return {"requests": self.requests, "errors": self.errors, "refused": self.refused,
                "p50": self.quantile(0.5), "p95": self.quantile(0.95)}


@dataclass(frozen=True)
class Figures:
    """What both versions did since the new one was put beside the live one."""

    seconds: float
    live: VersionFigures
    other: VersionFigures
    returned: int = 0
    """Requests of a canary that the live version answered in the end, because the worker was gone."""
    agreed: int = 0
    """A shadow's answers that were the live version's."""
    disagreed: int = 0
    failed: int = 0
    """A shadow's answers with another status."""
    dropped: int = 0
    """Requests that were not copied, or not answered, because the shadow was too far behind."""
    largest: float = 0.0
    """The largest difference of two numbers."""

    @property
    def compared(self) -> int:
        """How many pairs of answers were compared."""
        return self.agreed + self.disagreed + self.failed

    @property
    def disagreement(self) -> float:
        """The share of compared answers that differ."""
        return (self.disagreed + self.failed) / self.compared if self.compared else 0.0

    def describe(self) -> dict[str, Any]:
        """Give the figures as JSON."""
        counts = {key: getattr(self, key) for key in ("seconds", "returned", "agreed", "disagreed", "failed", "dropped",
                                                      "largest", "compared", "disagreement")}
        return {**counts, "live": self.live.describe(), "other": self.other.describe()}


@dataclass(frozen=True)
class Decision:
    """What the figures say."""

    action: Literal["wait", "promote", "abort"]
    reasons: tuple[str, ...]
    """Why; of `wait`, what is waited for."""


def judge(rules: Rules, figures: Figures, mode: Mode) -> Decision:
    """Decide what becomes of the new version.

    It is taken away as soon as the figures show that a rule is broken, and promoted when its time has passed, enough
    requests have come, and every rule holds.
    """
    broken = [reason for reason in (_judge_errors(rules, figures), _judge_speed(rules, figures),
                                    _judge_answers(rules, figures, mode)) if reason]
    if broken:
        return Decision("abort", tuple(broken))
    if rules.promote_after is None:
        return Decision("wait", ("it is promoted by hand",))
    lacking = list(_list_lacking(rules, figures, mode))
    return Decision("wait", tuple(lacking)) if lacking else Decision("promote", (describe_outcome(figures, mode),))


def _judge_errors(rules: Rules, figures: Figures) -> str | None:
    other, allowed = figures.other, rules.max_error_rate + figures.live.error_rate
    bad = other.errors + other.refused
    if bad < FEW or _bound_below(bad, other.requests) <= allowed:
        return None
    what = "errors" if not other.refused else "refusals" if not other.errors else "errors or refusals"
    return (f"{bad} of its {other.requests} answers are {what} ({write_share(other.error_rate)}), of the live "
            f"version's {write_share(figures.live.error_rate)}; {write_share(rules.max_error_rate)} more are allowed")


def _judge_speed(rules: Rules, figures: Figures) -> str | None:
    if min(figures.live.requests, figures.other.requests) < rules.min_requests:
        return None
    live, other = figures.live.quantile(0.95) or 0.0, figures.other.quantile(0.95) or 0.0
    if other <= live + NOTICEABLE or other <= live * rules.max_slowdown:
        return None
    return (f"its p95 is {write_seconds(other)}, the live version's {write_seconds(live)}; "
            f"{rules.max_slowdown:g} times that is allowed")


def _judge_answers(rules: Rules, figures: Figures, mode: Mode) -> str | None:
    if mode != "shadow" or rules.max_disagreement is None:
        return None
    bad = figures.disagreed + figures.failed
    if bad < FEW or _bound_below(bad, figures.compared) <= rules.max_disagreement:
        return None
    return (f"{bad} of {figures.compared} answers differ ({write_share(figures.disagreement)}); "
            f"{write_share(rules.max_disagreement)} may")


def _list_lacking(rules: Rules, figures: Figures, mode: Mode) -> list[str]:
    """Say what is still missing for a promotion."""
    lacking = []
    if figures.seconds < (rules.promote_after or 0.0):
        lacking.append(f"{write_time((rules.promote_after or 0.0) - figures.seconds)} more")
    seen = figures.compared if mode == "shadow" else figures.other.requests
    if seen < rules.min_requests:
        lacking.append(f"{rules.min_requests - seen} more requests")
    if figures.other.error_rate > rules.max_error_rate + figures.live.error_rate:
        lacking.append(f"fewer errors than {write_share(figures.other.error_rate)} of its answers")
    if mode == "shadow" and rules.max_disagreement is not None and figures.disagreement > rules.max_disagreement:
        lacking.append(f"fewer differing answers than {write_share(figures.disagreement)}")
    return lacking


def _bound_below(count: int, total: int) -> float:
    """Give the share that is at least behind `count` of `total`: the lower end of Wilson's interval."""
    share, square = count / total, _CERTAINTY**2
    spread = _CERTAINTY * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    return (share + square / (2 * total) - spread) / (1 + square / total)


def describe_outcome(figures: Figures, mode: Mode) -> str:
    """Say in a line what both versions did."""
    other, live = figures.other, figures.live
    said = [f"{other.requests} requests, {write_errors(other.errors, other.refused)}"]
    if (mine := other.quantile(0.95)) is not None and (theirs := live.quantile(0.95)) is not None:
        said.append(f"p95 {write_seconds(mine)}, of the live version {write_seconds(theirs)}")
    if mode == "shadow":
        said.append(f"{write_share(1 - figures.disagreement)} of {figures.compared} answers equal")
    return ", ".join(said)


def name_rollout(mode: str, share: float) -> str:
    """Say what a version is there for: `canary (10% of the requests)`."""
    return f"canary ({write_share(share)} of the requests)" if mode == "canary" else "shadow (copies of all requests)"


def describe_lacks(entries: Sequence[str]) -> str:
    """Say what callers lose when a version takes over that lacks entries of the live one."""
    return f"the live version has {', '.join(entries)}, which this one lacks: once it is live, callers get 404 there"


def write_errors(errors: int, refused: int) -> str:
    """Write how many answers were errors, and apart from them how many refused the caller's arguments."""
    return f"{errors} errors" + (f", {refused} refused" if refused else "")


def write_share(share: float) -> str:
    """Write a share as a percentage."""
    return f"{share * 100:.3g}%"


def write_seconds(seconds: float | None) -> str:
    """Write a duration in milliseconds."""
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def write_time(seconds: float) -> str:
    """Write a longer time: `90 s`, `10 min`."""
    return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{math.ceil(seconds)} s"


def parse_rules(raw: Mapping[str, Any]) -> Rules:
    """Build rules from what was written down; what is not known any more is left out."""
    known = {item.name for item in dataclasses.fields(Rules)}
    return Rules(**{key: value for key, value in raw.items() if key in known})
