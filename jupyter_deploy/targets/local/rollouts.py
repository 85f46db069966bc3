"""What becomes of versions beside the live one: put there, promoted, taken away, brought back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_deploy.errors import DeployError, ServiceError, TargetError
from jupyter_deploy.registry import RolloutRecord
from jupyter_deploy.runtime.manifest import read_manifest
from jupyter_deploy.targets.local.ledger import Release
from jupyter_deploy.targets.local.pool import Pool
from jupyter_deploy.targets.local.rollout import NOWHERE, Rollout
from jupyter_deploy.targets.local.scaling import read_scale
from jupyter_deploy.targets.rollout import Decision, name_rollout

if TYPE_CHECKING:
    from jupyter_deploy.targets.local.service import Service


class Rollouts:
    """The one version that a deployment may have beside its live one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._present: Rollout | None = None

    @property
    def pools(self) -> list[Pool]:
        """Its workers; empty when there is none."""
        return [self._present.pool] if self._present else []

    @property
    def lacks(self) -> list[str]:
        """The live version's entries that it does not have."""
        return list(self._present.lacks) if self._present else []

    def describe(self) -> dict[str, Any] | None:
        """Give what is known of it, as JSON."""
        return self._present.describe() if self._present else None

    async def put_beside(self, pool: Pool, record: RolloutRecord, kind: str) -> None:
        """Let a candidate have a part of the requests, or copies of them; what was beside the live version goes.

        Raises
        ------
        TargetError
            When nothing is live.

        """
        service, ledger = self._service, self._service.ledger
        async with service.changing:
            live = service.live
            if live is None:
                raise TargetError(f"{ledger.name} is not live, so no version can be tried beside it",
                                  advice=f"nbdeploy start {ledger.name}, or deploy it without --{record.mode}")
            former = self._present.record if self._present else None
            same = former is not None and former.version == record.version
            await self.end(None if same else f"version {record.version} is tried instead")
            ledger.clear_tables()
            ledger.skip(worker.metrics_file for worker in pool.workers)
            entries = tuple(entry.name for entry in read_manifest(pool.spec.bundle).entries)
            rollout = Rollout(record, pool, ledger, entries, time.monotonic())
            pool.on_failed = self._give_up
            await rollout.begin(live)
            service.staged.discard(pool)
            self._present = rollout
            ledger.write_rollout(record)
            before = f", before that a {name_rollout(former.mode, former.share)}" if former and same else ""
            ledger.report(kind, f"version {record.version} is a {name_rollout(record.mode, record.share)}{before}")

    async def promote(self) -> str:
        """Make it live, and give its version (`TargetError` when there is none)."""
        rollout = self._find()
        release = Release(rollout.record.proof, rollout.record.notebook)
        await self._service.apply(rollout.pool, "promoted", release, rollout.outcome)
        return rollout.record.version

    async def abort(self, reason: str) -> str:
        """Take it away, and give its version (`TargetError` when there is none)."""
        version = self._find().record.version
        async with self._service.changing:
            await self.end(reason)
        return version

    def _find(self) -> Rollout:
        if self._present is None:
            raise TargetError(
                f"no version is tried beside the live one of {self._service.ledger.name}",
                advice="%deploy --canary 10% or --shadow starts one; nbdeploy rollback goes back a version")
        return self._present

    async def end(self, reason: str | None, promoted: Pool | None = None) -> None:
        """Let the live version have all requests again; what was beside it goes, unless it is promoted.

        Without a reason nothing is told: the same version is tried in another way.
        To be called while `changing` is held.
        """
        rollout, self._present = self._present, None
        if rollout is None:
            return
        service = self._service
        service.ledger.write_rollout(None)
        if service.live is not None:
            service.live.tell_route(NOWHERE)
        rollout.end()
        if rollout.pool is not promoted:
            if reason is not None:
                service.ledger.report(
                    "aborted", f"version {rollout.record.version} is taken away: {reason} ({rollout.outcome})")
            service.begin(service.drain(rollout.pool, 0.0))

    def check(self, live: Pool, now: float) -> list[Pool]:
        """Do what is due once a second; gives the workers whose callers are the deployment's."""
        rollout = self._present
        if rollout is None:
            return []
        decision = rollout.check(live, now)
        if decision.action != "wait" and not rollout.decided:
            rollout.decided = True
            self._service.begin(self._decide(rollout, decision))
        # What a shadow answers, no caller has asked it.
        return [rollout.pool] if rollout.record.mode == "canary" else []

    def _give_up(self, reason: str) -> None:
        if self._present is not None:
            decision = Decision("abort", (f"its workers die: {reason}",))
            self._service.begin(self._decide(self._present, decision))

    async def _decide(self, rollout: Rollout, decision: Decision) -> None:
        """Do what the figures say, unless somebody was faster."""
        with contextlib.suppress(TargetError):
            if decision.action == "promote" and self._present is rollout:
                try:
                    await self.promote()
                except ServiceError as error:
                    decision = Decision("abort", (f"it could not take over: {error.message}",))
            if decision.action == "abort" and self._present is rollout:
                await self.abort("; ".join(decision.reasons))

    async def resume(self, variables: Mapping[str, str]) -> None:
        """Put beside the live version what was there when the supervisor was killed; its figures begin anew."""
        service = self._service
        record = service.ledger.find_rollout()
        if record is None or self._present is not None:
            return
        try:
            pool = await service.stage_version(record.version, record.bundle, record.environment, variables,
                                               read_scale(record.scale), record.limits)
            await self.put_beside(pool, record, "resumed")
        except DeployError as error:
            service.ledger.write_rollout(None)
            service.ledger.report("aborted", f"version {record.version} did not come back: {error.message}")
