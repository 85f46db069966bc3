"""The previous version, kept ready: its workers rest, and accept again when it is rolled back to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jupyter_deploy.registry import Record
from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.pool import Pool
from jupyter_deploy.targets.local.scaling import read_scale
from jupyter_deploy.targets.local.spec import Limits, Spec

SECONDS = 600.0
"""How long a version that was replaced is kept ready; its memory is its price."""


class Standby:
    """At most one version of a deployment that was live, and rests."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        self._until = 0.0

    @property
    def pools(self) -> list[Pool]:
        """Its workers; empty when there is none."""
        return [self._pool] if self._pool else []

    def keep(self, pool: Pool) -> None:
        """Let a version that was live until now rest; there is no other one."""
        pool.rest()
        self._pool, self._until = pool, time.monotonic() + SECONDS

    def take(self) -> Pool | None:
        """Give it away."""
        pool, self._pool = self._pool, None
        return pool

    def take_overdue(self, now: float) -> Pool | None:
        """Give it away when it has rested for long enough, or has lost its workers."""
        if self._pool is None or (now < self._until and self._pool.complete):
            return None
        return self.take()

    def take_fitting(self, version: str, record: Record, listener: Listener | None,
                     variables: Mapping[str, str]) -> Pool | None:
        """Give it away if it is what would be started: this version, as the deployment is now."""
        pool = self._pool
        if pool is None or not pool.complete or pool.listener is not listener:
            return None
        spec = pool.spec
        fits = (spec.version == version and spec.scale == read_scale(record.scale, record.workers)
                and spec.limits == Limits(**record.limits) and spec.api_key_digest == record.api_key_digest
                and _same_variables(spec, variables))
        return self.take() if fits else None


def _same_variables(spec: Spec, variables: Mapping[str, str]) -> bool:
    """Tell whether its workers have the values that new ones would get, of what the service reads."""
    with suppress(BundleDamaged):
        return all(variables.get(name) == spec.variables.get(name)
                   for name in read_manifest(Path(spec.bundle)).environment)
    return False
