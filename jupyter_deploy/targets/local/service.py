"""A deployment as the supervisor holds it: its socket, the version that is live, the candidates."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import ServiceError, TargetError
from jupyter_deploy.targets.local.children import Children
from jupyter_deploy.targets.local.gpus import measure_gpus
from jupyter_deploy.targets.local.ledger import Ledger, Release
from jupyter_deploy.targets.local.listeners import LOOPBACK, Listener, Refusing, bind_listener, wait_for_port
from jupyter_deploy.targets.local.orphans import Orphans
from jupyter_deploy.targets.local.pool import Pool
from jupyter_deploy.targets.local.rollouts import Rollouts
from jupyter_deploy.targets.local.scaling import Scale, read_scale
from jupyter_deploy.targets.local.spec import Limits, Spec, check_variables
from jupyter_deploy.targets.local.standby import Standby

GRACE_SECONDS = 20.0
"""How long a version that was replaced answers on the connections that its callers hold open."""


class Service:
    """One deployment: at most one version is live; any number start, as candidates, or drain."""

    def __init__(self, ledger: Ledger, children: Children, orphans: Orphans) -> None:
        self.ledger = ledger
        self.listener: Listener | None = None
        self._children = children
        self.live: Pool | None = None
        """The version that answers callers."""
        self.staged: set[Pool] = set()
        """Candidates."""
        self._draining: set[Pool] = set()
        kept = children.keeping.take(f"variables {ledger.name}")
        self._variables: Mapping[str, str] = kept.facts if kept else {}
        """What its workers find in their environment; on no disk, so that it is gone with all processes."""
        self._reason: str | None = None
        self._refusing: Refusing | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.changing = asyncio.Lock()
        """Held while another version becomes live, or is put beside it."""
        self._returning = asyncio.Lock()
        self.rollouts = Rollouts(self)
        self._standby = Standby()
        self._orphans = orphans

    @property
    def pools(self) -> list[Pool]:
        """All versions that have processes."""
        held = [*self.rollouts.pools, *self._standby.pools, *self.staged, *self._draining]
        return [self.live, *held] if self.live else held

    @property
    def url(self) -> str:
        """Where callers reach it (`TargetError` when it has no socket)."""
        if self.listener is None:
            raise TargetError(f"{self.ledger.name} is not live", advice=f"nbdeploy start {self.ledger.name}")
        return self.listener.url

    @property
    def is_live(self) -> bool:
        """Whether a version answers callers."""
        return self.live is not None and self._reason is None

    def describe(self) -> dict[str, Any]:
        """Give what only the supervisor knows, as JSON."""
        orphans = self._orphans.pids
        accepting = self.live.accepting if self.live else len(orphans)
        if accepting:
            state = "live"
        elif self.live and self.live.asleep:
            state = "asleep"
        elif self._reason:
            state = "failed"
        else:
            state = "starting" if self.live or self.staged else "stopped"
        pids = [worker.pid for worker in self.live.workers] if self.live else orphans
        return {"state": state, "workers": accepting, "reason": self._reason, "pids": pids,
                "wanted": self.live.wanted if self.live else 0,
                "starts": self.live.nursery.text if self.live and self.live.spec.scale.several else None,
                "rollout": self.rollouts.describe()}

    def choose_listener(self, host: str | None, port: int | None, avoid: Collection[int]) -> Listener:
        """Give the socket for the next version: the one held, the remembered port, or a free one.

        Raises
        ------
        TargetError
            When the port that was asked for, or is remembered, is taken.

        """
        record = self.ledger.find()
        host = host or (record.host if record else LOOPBACK)
        host = LOOPBACK if host == "localhost" else host
        port = port or (record.port if record else None)
        held = self.listener
        if held is not None and held.host == host and port in {None, held.port}:
            return held
        listener = bind_listener(host, port, avoid, self._children.keeping)
        if held is None:
            self.listener = listener
        return listener

    async def stage(self, spec: Spec, listener: Listener, *, asleep: bool = False) -> Pool:
        """Start the workers of a version, unseen by callers, and wait until they are ready; with `asleep`, none.

        What rests is let go: three versions at once may be more than the machine's memory holds.
        """
        self._let_go(self._standby.take())
        pool = Pool(spec, listener, self._children, self.ledger.report, self.fail)
        self.staged.add(pool)
        try:
            if not asleep:
                await pool.start()
        except BaseException:
            self._forget(pool)
            raise
        return pool

    async def discard(self, pool: Pool) -> None:
        """Take a candidate away."""
        await pool.kill()
        self._forget(pool)

    def _forget(self, pool: Pool) -> None:
        self.staged.discard(pool)
        serving = self._orphans.pids and pool.listener is self.listener
        if not serving and pool.listener not in {other.listener for other in self.pools}:
            pool.listener.close()
            if pool.listener is self.listener:
                self.listener = None

    async def apply(self, pool: Pool, kind: str, release: Release | None = None, outcome: str = "") -> None:
        """Make a candidate live; the version that was live drains. A version that is new comes with its release."""
        async with self.changing:
            if pool is self.live:
                return
            await pool.accept(self.ledger.find_most(pool.spec, release))
            self.staged.discard(pool)
            pool.on_failed = self.fail
            await self.rollouts.end(f"version {pool.spec.version} went live instead", promoted=pool)
            self._recover()
            before, self.live = self.live, pool
            if before is None:
                self.ledger.begin_sampling(self._orphans.metrics_files)
            self.ledger.skip(worker.metrics_file for worker in pool.workers)
            former, self.listener = self.listener, pool.listener
            self._variables = {**self._variables, **pool.spec.variables}
            self._children.keeping.keep(f"variables {self.ledger.name}", None, **self._variables)
            self.ledger.write_live(pool.spec, pool.listener, release)
            self.ledger.report(kind, f"version {pool.spec.version} is live at {pool.listener.url}"
                               + (f" ({outcome})" if outcome else ""))
            if not pool.spec.scale.fixed:
                self.ledger.report_change("starts", pool.nursery.manner)
            if former is not None and former is not pool.listener:
                former.close()
            if before is not None and before.complete and before.listener is pool.listener:
                self._let_go(self._standby.take())
                self._standby.keep(before)
            elif before is not None:
                self.begin(self.drain(before, GRACE_SECONDS))
            self.begin(self._orphans.drain(GRACE_SECONDS))

    async def bring_back(self, variables: Mapping[str, str], kind: str) -> None:
        """Make the recorded version live again on its port, unless something is live already."""
        async with self._returning:
            before = self.live
            if before is not None and self._reason is None:
                return
            asleep = kind == "restored" and not self._orphans.pids
            pool = await self._stage_recorded(self.ledger.read().version, variables, asleep=asleep)
            # A deploy may have gone live meanwhile: it is newer.
            await (self.apply(pool, kind) if self.live is before else self.discard(pool))
            await self.rollouts.resume(variables)

    async def roll_back(self, version: str | None, variables: Mapping[str, str]) -> None:
        """Make an earlier version live: `version`, or else the one that the present one replaced.

        While a version is tried beside the live one, the last release is that one: it is taken away.
        """
        if version is None and self.rollouts.pools:
            await self.rollouts.abort("rolled back")
            return
        previous = self.ledger.find_previous(version)
        pool = self._standby.take_fitting(previous, self.ledger.read(), self.listener, {**self._variables, **variables})
        if pool is not None:
            self.staged.add(pool)
            try:
                await self.apply(pool, "rolled-back")
            except ServiceError:
                await self.discard(pool)  # it has died just now
            else:
                return
        await self.apply(await self._stage_recorded(previous, variables), "rolled-back")

    async def _stage_recorded(self, version: str, variables: Mapping[str, str], *, asleep: bool = False) -> Pool:
        """Start a version that was live before; with `asleep`, one that may sleep starts when it is called."""
        record, found = self.ledger.read(), self.ledger.find_version(version)
        scale = read_scale(record.scale, record.workers)
        return await self.stage_version(version, found.bundle, found.environment, variables, scale, record.limits,
                                        asleep=asleep and scale.min == 0)

    async def stage_version(self, version: str, bundle: str, environment: dict[str, Any],
                            variables: Mapping[str, str], scale: Scale, limits: dict[str, Any], *,
                            asleep: bool = False) -> Pool:
        """Start a version that is written down, unseen by callers, with the deployment's variables; or let it sleep."""
        known = {**self._variables, **variables}
        check_variables(self.ledger.name, Path(bundle), known)
        spec = Spec(
            self.ledger.name, version, Path(bundle), environment, scale, Limits(**limits), self.ledger.log(version),
            self.ledger.metrics, self.ledger.read().api_key_digest, known, self.ledger.find_grips(version),
        )
        listener = await wait_for_port(lambda: self.choose_listener(None, None, ()))
        return await self.stage(spec, listener, asleep=asleep)

    async def stop(self) -> None:
        """Take the deployment off the air; what was accepted is answered."""
        # One that is being brought back is waited for, and then stopped.
        async with self._returning, self.changing:
            self.ledger.write_stopped()
            await self.rollouts.end("the endpoint was stopped")
            self._recover()
            resting = self._standby.take()
            pool, self.live = self.live, None
            if self.listener is not None:
                # First, so that callers are refused as soon as the last worker has stopped accepting.
                self.listener.close()
                self.listener = None
            # Whoever rests has the socket too: callers would wait for it, and be reset when it goes.
            await asyncio.gather(*(self.drain(one, 0.0) for one in (pool, resting) if one is not None),
                                 self._orphans.drain(0.0))
            if pool is not None:
                self.ledger.report("stopped", f"version {pool.spec.version} is stopped")

    async def delete(self) -> None:
        """Stop the deployment and forget it."""
        await self.stop()
        await asyncio.gather(*(self.discard(pool) for pool in self.staged), *(pool.kill() for pool in self._draining))
        self._children.keeping.drop(f"variables {self.ledger.name}")
        self.ledger.clear()

    async def end(self) -> None:
        """End all processes, as the supervisor ends; the registry goes on to say what should be live."""
        self._recover()
        await asyncio.gather(*(pool.drain(0.0) for pool in self.pools), self._orphans.drain(0.0))

    def check(self, now: float) -> None:
        """Do what is due once a second: find workers that hang, take a sample."""
        for pool in self.pools:
            pool.check(now)
        if self.live is not None:
            beside = self.rollouts.check(self.live, now)
            self._let_go(self._standby.take_overdue(now))
            starting = sum(not worker.accepting.done() for worker in self.live.workers)
            self.ledger.gauges.show(wanted=self.live.wanted, ready=self.live.accepting, starting=starting)
            pools = (self.live, *beside, *self._standby.pools, *self._draining)
            files = [worker.metrics_file for pool in pools for worker in pool.workers] + self._orphans.metrics_files
            pids = [worker.pid for pool in pools for worker in pool.workers]
            self.ledger.take_sample(files, self.live.accepting, measure_gpus(pids))

    def fail(self, reason: str) -> None:
        """Note that it cannot be live; its callers are told so, until a new deploy or `start` succeeds."""
        self._reason = reason
        self.ledger.report("failed", reason)
        if self.live is not None and self.live.accepting == 0 and self._refusing is None:
            self._refusing = Refusing(self.live.listener)

    def _recover(self) -> None:
        self._reason = None
        if self._refusing is not None:
            self._refusing.end()
            self._refusing = None

    async def drain(self, pool: Pool, grace: float) -> None:
        """Let a version finish what it accepted, and see it gone; `grace` as for `Worker.drain`."""
        self._draining.add(pool)
        await pool.drain(grace)
        self._draining.discard(pool)

    def _let_go(self, pool: Pool | None) -> None:
        """See a version gone that rested."""
        if pool is not None:
            self.begin(self.drain(pool, GRACE_SECONDS))

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Do something in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
