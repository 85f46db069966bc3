"""What a container may use of its machine, as far as the engine can see to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.errors import TargetError
from jupyter_deploy.hardware import parse_usage, suggest_size
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.targets.docker.options import DockerOptions

_CPU_PERIOD = 100_000
"""Microseconds: what engines count processor time in."""
_NAMES = {"memory": "memory", "cpus": "processors"}


@dataclass(frozen=True)
class Share:
    """What a container may use, and that the engine restarts it whenever it ends."""

    memory: int | None
    """Bytes; None: no limit."""
    cpus: float | None

    def dump(self) -> dict[str, Any]:
        """Give it as an engine takes it."""
        limits: dict[str, Any] = {"restart_policy": {"Name": "unless-stopped"}}
        if self.memory is not None:
            limits |= {"mem_limit": self.memory, "memswap_limit": self.memory}
        if self.cpus is not None:
            limits |= {"cpu_period": _CPU_PERIOD, "cpu_quota": int(self.cpus * _CPU_PERIOD)}
        return limits


def choose_share(engine: Engine, options: DockerOptions, usage: Mapping[str, Any] | None) -> Share:
    """Take what the author says, else what the proof suggests; nothing that the engine cannot limit."""
    size = suggest_size(parse_usage(usage)) if usage else None
    limited = engine.limited
    return Share((options.memory or (size.memory if size else None)) if "memory" in limited else None,
                 (options.cpus or (size.cpus if size else None)) if "cpus" in limited else None)


def check_share(engine: Engine, options: DockerOptions) -> None:
    """Refuse a limit that the author asks for and the engine cannot give (raises `TargetError`)."""
    for key, what in _NAMES.items():
        if getattr(options, key) is not None and key not in engine.limited:
            raise TargetError(f"the container engine cannot limit {what}", where=f"--{key}", advice=(
                "a rootless engine can where the machine has cgroup v2 and hands it on "
                "(docs.docker.com/engine/security/rootless); or leave the option out"))


def tell_unlimited(engine: Engine) -> str:
    """Say what containers go without a limit of; empty when the engine can limit all."""
    missing = [what for key, what in _NAMES.items() if key not in engine.limited]
    return f"none for {' and '.join(missing)}: this engine cannot limit them" if missing else ""
