"""A deployment as the supervisor holds it: its socket, the version that is live, the candidates."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import time
from collections.abc import Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import TargetError
from jupyter_deploy.metrics import ENDED, Sampler, fold_metrics
from jupyter_deploy.registry import (
    Connection,
    Event,
    Record,
    VersionRecord,
    add_event,
    add_sample,
    add_version,
    delete_deployment,
    find_deployment,
    find_version,
    list_versions,
    save_deployment,
)
from jupyter_deploy.targets.local.listeners import Listener, bind_listener
from jupyter_deploy.targets.local.pool import Pool
from jupyter_deploy.targets.local.workers import Children, Limits, Spec

DRAIN_SECONDS = 20.0
"""How long a version that was replaced may finish what it accepted."""


@dataclasses.dataclass(frozen=True)
class Home:
    """What all services of a supervisor share."""

    data: Path
    registry: Connection
    children: Children


@dataclasses.dataclass(frozen=True)
class Release:
    """What is kept with a version that goes live for the first time."""

    proof: dict[str, Any] | None
    notebook: str | None


class Service:
    """One deployment: at most one version is live, any number are draining."""

    def __init__(self, name: str, home: Home) -> None:
        self.name = name
        self.listener: Listener | None = None
        self.live: Pool | None = None
        self.staged: set[Pool] = set()
        self.reason: str | None = None
        """Why it has failed."""
        self.variables: Mapping[str, str] = {}
        """The environment variables of the version that is live, for its next workers."""
        self._home = home
        self._draining: set[Pool] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._sampler = Sampler(time.time())
        self.metrics_folder = home.data / "metrics" / name
        self.metrics_folder.mkdir(parents=True, exist_ok=True)
        for path in self.metrics_folder.glob("*.metrics"):
            # Left by workers of a supervisor that ended uncleanly.
            if path.name != ENDED:
                fold_metrics(path)
        self._sampler.skip([self.metrics_folder / ENDED])

    @property
    def pools(self) -> list[Pool]:
        """All versions that have processes."""
        return [*([self.live] if self.live else []), *self.staged, *self._draining]

    @property
    def url(self) -> str:
        """Where callers reach it (`TargetError` when it has no socket)."""
        if self.listener is None:
            raise TargetError(f"{self.name} is not live", advice=f"nbdeploy start {self.name}")
        return self.listener.url

    def report(self, kind: str, text: str) -> None:
        """Keep an event, if the deployment exists: a first candidate that is discarded leaves nothing."""
        if find_deployment(self._home.registry, self.name) is not None:
            add_event(self._home.registry, Event(self.name, time.time(), kind, text))

    def record(self) -> Record:
        """Give the deployment's row (`TargetError` when it has never been live)."""
        record = find_deployment(self._home.registry, self.name)
        if record is None:
            raise TargetError(f"there is no deployment {self.name!r}", advice="`nbdeploy ls` lists them")
        return record

    def describe(self) -> dict[str, Any]:
        """Give what only the supervisor knows, as JSON."""
        accepting = self.live.accepting if self.live else 0
        if self.live is None:
            state = "failed" if self.reason else "stopped"
        else:
            state = "live" if accepting else "failed" if self.reason else "starting"
        pids = [worker.pid for worker in self.live.workers] if self.live else []
        return {"state": state, "workers": accepting, "reason": self.reason, "pids": pids}

    def choose_listener(self, host: str | None, port: int | None, avoid: Collection[int]) -> Listener:
        """Give the socket for the next version: the one held, the remembered port, or a free one.

        Raises
        ------
        TargetError
            When the port that was asked for, or is remembered, is taken.

        """
        record = find_deployment(self._home.registry, self.name)
        host = host or (record.host if record else "127.0.0.1")
        port = port or (record.port if record else None)
        held = self.listener
        if held is not None and held.host == host and port in {None, held.port}:
            return held
        listener = bind_listener(host, port, avoid)
        if held is None:
            self.listener = listener
        return listener

    async def stage(self, spec: Spec, listener: Listener) -> Pool:
        """Start the workers of a version, unseen by callers, and wait until they are ready."""
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        pool = Pool(spec, listener, self._home.children, self.report, self.fail)
        self.staged.add(pool)
        try:
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
        others = {other.listener for other in self.pools} | {self.listener if self.live else None}
        if pool.listener not in others:
            pool.listener.close()
            if pool.listener is self.listener:
                self.listener = None

    async def apply(self, pool: Pool, kind: str, release: Release | None = None) -> None:
        """Make a candidate live; the version that was live drains. A version that is new comes with its `release`."""
        async with self._lock:
            await pool.accept()
            self.staged.discard(pool)
            self._sampler.skip(worker.metrics_file for worker in pool.workers)
            before, self.live, self.reason = self.live, pool, None
            former, self.listener = self.listener, pool.listener
            self.variables = pool.spec.variables
            self._write(pool, release)
            self.report(kind, f"version {pool.spec.version} is live at {pool.listener.url}")
            if former is not None and former is not pool.listener:
                former.close()
            if before is not None:
                self._begin(self._drain(before, DRAIN_SECONDS))

    def _write(self, pool: Pool, release: Release | None) -> None:
        spec, registry = pool.spec, self._home.registry
        known = find_deployment(registry, self.name)
        save_deployment(registry, Record(
            spec.name, "local", pool.listener.host, pool.listener.port, spec.workers, spec.version,
            limits=dataclasses.asdict(spec.limits), api_key_digest=spec.api_key_digest,
        ))
        if release is not None:
            add_version(registry, VersionRecord(
                spec.name, spec.version, str(spec.bundle), spec.environment, release.proof, release.notebook,
                previous=known.version if known else None,
            ))

    async def bring_back(self, variables: Mapping[str, str], kind: str) -> None:
        """Make the recorded version live again on its port, unless something is live already."""
        if self.live is not None:
            return
        record = self.record()
        pool = await self._stage_recorded(record, record.version, variables)
        # A deploy may have gone live meanwhile: it is newer.
        await (self.apply(pool, kind) if self.live is None else self.discard(pool))

    async def roll_back(self, version: str | None, variables: Mapping[str, str]) -> None:
        """Make an earlier version live (`TargetError` when there is none such)."""
        record = self.record()
        versions = {item.version: item for item in list_versions(self._home.registry, self.name)}
        version = version or versions[record.version].previous
        if version is None or version not in versions:
            known = ", ".join(f"{item.version} ({item.number})" for item in versions.values())
            raise TargetError(
                f"{self.name} has no version {version}" if version else
                f"{self.name} has no version before {record.version}", advice=f"its versions are: {known}",
            )
        pool = await self._stage_recorded(record, version, variables)
        await self.apply(pool, "rolled-back")

    async def _stage_recorded(self, record: Record, version: str, variables: Mapping[str, str]) -> Pool:
        found = find_version(self._home.registry, self.name, version)
        if found is None:
            raise TargetError(f"{self.name} has no version {version}")
        spec = Spec(
            self.name, version, Path(found.bundle), found.environment, record.workers, Limits(**record.limits),
            self.log_path(version), self.metrics_folder, record.api_key_digest, {**self.variables, **variables},
        )
        return await self.stage(spec, self.choose_listener(None, None, ()))

    async def stop(self, seconds: float) -> None:
        """Take the deployment off the air; what was accepted is finished within `seconds`."""
        async with self._lock:
            record = self.record()
            save_deployment(self._home.registry, dataclasses.replace(record, wanted="stopped"))
            pool, self.live, self.reason = self.live, None, None
            if self.listener is not None:
                # First, so that callers are refused as soon as the last worker has stopped accepting.
                self.listener.close()
                self.listener = None
            if pool is not None:
                await self._drain(pool, seconds, cut_idle=True)
                self.report("stopped", f"version {record.version} is off the air")

    async def delete(self, seconds: float) -> None:
        """Stop the deployment and forget it, with its logs and metrics."""
        await self.stop(seconds)
        await asyncio.gather(*(pool.kill() for pool in self.pools))
        delete_deployment(self._home.registry, self.name)
        shutil.rmtree(self.metrics_folder, ignore_errors=True)
        shutil.rmtree(self.log_path("").parent, ignore_errors=True)

    async def end(self) -> None:
        """End all processes, as the supervisor ends; the registry goes on to say what should be live."""
        await asyncio.gather(*(pool.drain(DRAIN_SECONDS, cut_idle=True) for pool in self.pools))

    def check(self, now: float) -> None:
        """Do what is due once a second: find workers that hang, take a sample."""
        for pool in self.pools:
            pool.check_alive(now)
        sample = self._sampler.take(self._metrics_files(), self.live.accepting if self.live else 0, time.time())
        if sample is not None and self.live is not None:
            add_sample(self._home.registry, self.name, sample)

    def _metrics_files(self) -> list[Path]:
        pools = [*([self.live] if self.live else []), *self._draining]
        return [self.metrics_folder / ENDED, *(worker.metrics_file for pool in pools for worker in pool.workers)]

    def log_path(self, version: str) -> Path:
        """Where the workers of a version write their log."""
        return self._home.data / "logs" / self.name / f"{version}.log"

    async def _drain(self, pool: Pool, seconds: float, *, cut_idle: bool = False) -> None:
        self._draining.add(pool)
        await pool.drain(seconds, cut_idle=cut_idle)
        self._draining.discard(pool)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def fail(self, reason: str) -> None:
        """Note that it cannot be live; a new deploy, or `start`, tries again."""
        self.reason = reason
        self.report("failed", reason)
