"""How a deployment runs on this machine, and what makes no sense together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from jupyter_deploy.errors import UsageError
from jupyter_deploy.targets.local.listeners import is_loopback
from jupyter_deploy.targets.local.scaling import Auto, Scale, check_scale, choose_scale
from jupyter_deploy.targets.rollout import Rules


@dataclass(frozen=True)
class LocalOptions:
    """How a deployment runs on this machine."""

    workers: int | Auto | None = None
    """`auto`: from one to as many as fit; None: as many as it had, at first one."""
    min: int | None = None
    """The fewest workers: 0 lets it sleep without callers."""
    max: int | Auto | None = None
    """The most workers."""
    idle: float | None = None
    """Seconds after which a worker that is not needed goes."""
    host: str | None = None
    """The address to listen on; None: the one it had, at first 127.0.0.1."""
    port: int | None = None
    """None: the one it had, at first a free one from 8100 on."""
    api_key: str | None = field(default=None, repr=False)
    """What callers must send; only its digest is kept."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further environment variables of the workers; kept in memory only."""
    max_body: int | None = None
    max_queue: int | None = None
    timeout: float | None = None
    batch: int | None = None
    """Calls that are answered together; 1: none."""
    memory: int | None = None
    """Bytes of a worker: one that outgrows it is replaced."""
    canary: float | None = None
    """Do not replace the live version, but answer this share of its requests."""
    shadow: bool = False
    """Do not replace the live version, but answer copies of its requests, unseen by callers."""
    promote_after: float | None = None
    min_requests: int | None = None
    max_error_rate: float | None = None
    max_slowdown: float | None = None
    max_disagreement: float | None = None
    tolerance: float | None = None
    """The `Rules` by which the version is promoted or taken away; None: their defaults."""

    def __post_init__(self) -> None:
        self._check_rollout()
        check_scale(self.workers, self.min, self.max, self.idle)
        if self.port is not None and not 1 <= self.port <= 65535:
            raise UsageError(f"wanted a port from 1 to 65535, found {self.port}", where="--port",
                             advice="leave it out for a free one")
        if self.host is not None and not is_loopback(self.host) and self.api_key is None:
            raise UsageError(f"{self.host} can be reached from other machines, and there is no API key", where="--host",
                             advice="give one with --api-key, or listen on 127.0.0.1")

    def _check_rollout(self) -> None:
        if self.canary is not None and self.shadow:
            raise UsageError("--canary and --shadow are two ways to try a version", advice="choose one of them")
        if self.canary is not None and not 0 < self.canary < 1:
            raise UsageError(f"wanted a share of the requests between 0% and 100%, found {self.canary * 100:g}%",
                             where="--canary",
                             advice="such as 10%; without --canary, the new version gets them all")
        for name, value in self.rules.items():
            option = f"--{name.replace('_', '-')}"
            if self.mode is None:
                raise UsageError(f"{option} is a rule for a version that is tried beside the live one",
                                 advice="add --canary 10% or --shadow")
            if value < 0:
                raise UsageError(f"wanted 0 or more, found {value:g}", where=option, advice="see --help")
        if self.canary is not None and self.max_disagreement is not None:
            raise UsageError("--max-disagreement is a rule for a shadow: only there both versions answer",
                             advice="use --shadow, or leave it out")
        if self.shadow and self.max_slowdown is not None:
            raise UsageError("--max-slowdown is a rule for a canary: a shadow's copies wait for each other, so its "
                             "times are not those that callers would see", advice="use --canary, or leave it out")

    @property
    def mode(self) -> str | None:
        """How the version is tried beside the live one; None: it takes over."""
        return "shadow" if self.shadow else "canary" if self.canary is not None else None

    @property
    def rules(self) -> dict[str, Any]:
        """The rules that were given."""
        given = {item.name: getattr(self, item.name) for item in fields(Rules)}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def said_scale(self) -> str | None:
        """What was said of the number of workers, in words; None: nothing."""
        if self.workers is None and self.min is None and self.max is None:
            return None
        return choose_scale(Scale(), self.workers, self.min, self.max, self.idle).text

    @property
    def scale(self) -> dict[str, Any]:
        """What was said of the number of workers, as `choose_scale` takes it."""
        return {"workers": self.workers, "least": self.min, "most": self.max, "idle": self.idle}

    @property
    def api_key_digest(self) -> str | None:
        """The SHA-256 of the key, which is all that the workers know of it."""
        return None if self.api_key is None else hashlib.sha256(self.api_key.encode()).hexdigest()
