"""What the supervisor does: one method for each operation, a check once a second, and what was live brought back."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jupyter_deploy
from jupyter_deploy.errors import DeployError, TargetError
from jupyter_deploy.leftovers import remove_leftovers
from jupyter_deploy.registry import Connection, Record, RolloutRecord, find_deployment, list_deployments
from jupyter_deploy.targets.local.beside import check_beside
from jupyter_deploy.targets.local.children import Children
from jupyter_deploy.targets.local.control import PROTOCOL
from jupyter_deploy.targets.local.forwards import Forwards
from jupyter_deploy.targets.local.keeping import Keeping
from jupyter_deploy.targets.local.ledger import Ledger, Release
from jupyter_deploy.targets.local.listeners import LOOPBACK, is_loopback
from jupyter_deploy.targets.local.orphans import Orphans, find_orphans
from jupyter_deploy.targets.local.pool import Pool
from jupyter_deploy.targets.local.scaling import choose_scale
from jupyter_deploy.targets.local.service import Service
from jupyter_deploy.targets.local.spec import Limits, Spec, pass_variables

_RESTORED_AT_ONCE = 2
_TIDY_SECONDS = 60.0
_SWEEP_SECONDS = 3600.0

Message = dict[str, Any]


@dataclass(frozen=True)
class Staged:
    """A candidate, and the connection that it lives and dies with."""

    service: Service
    pool: Pool
    owner: object


class Supervisor:
    """Holds all local deployments of one user.

    Parameters
    ----------
    environ
        Where the environment variables of restored deployments come from.
    keeping
        What outlives it, and what outlived the one before.

    """

    def __init__(self, data: Path, registry: Connection, environ: Mapping[str, str], keeping: Keeping) -> None:
        self._data = data
        self._registry = registry
        self._children = Children(keeping)
        self._orphans = find_orphans(keeping)
        self._environ = environ
        self._services: dict[str, Service] = {}
        self._candidates: dict[str, Staged] = {}
        self._forwards = Forwards(lambda name: Ledger(name, data, registry), self._taken_ports, keeping)
        self._tidied = time.monotonic()
        self._swept = -_SWEEP_SECONDS
        self._restoring: list[asyncio.Task[None]] = []
        self.operations: dict[str, Callable[[Message, object], Awaitable[Message]]] = {
            "hello": self._hello, "stage": self._stage, "apply": self._apply, "discard": self._discard,
            "status": self._status, "start": self._start, "stop": self._stop, "rollback": self._rollback,
            "promote": self._promote, "abort": self._abort,
            "delete": self._delete, "forward": self._forward, "unforward": self._unforward,
        }

    @property
    def idle(self) -> bool:
        """Whether it holds nothing."""
        return all(task.done() for task in self._restoring) and self._forwards.idle and not any(
            service.pools or service.listener for service in self._services.values()
        )

    def restore(self) -> None:
        """Begin to bring back what should be live: after an unclean stop of the machine or of a supervisor."""
        slots = asyncio.Semaphore(_RESTORED_AT_ONCE)
        for record in list_deployments(self._registry):
            if record.target == "local" and record.wanted == "live":
                self._restoring.append(asyncio.create_task(self._restore(record, slots)))
            elif record.wanted == "live" and "ports" in record.limits:
                self._restoring.append(asyncio.create_task(self._forwards.restore(record)))
        self._restoring.append(asyncio.create_task(self._give_back(list(self._restoring))))

    async def _give_back(self, restoring: list[asyncio.Task[None]]) -> None:
        """Let go what the supervisor before held and nobody has taken."""
        if restoring:
            await asyncio.wait(restoring)
        for key in self._children.keeping.inherited:
            self._children.keeping.drop(key)
        await asyncio.gather(*(orphans.drain(0.0) for orphans in self._orphans.values()))

    async def _restore(self, record: Record, slots: asyncio.Semaphore) -> None:
        service = self._service(record.name)
        async with slots:
            try:
                await service.bring_back(pass_variables(self._environ, service.ledger.required_variables()), "restored")
            except DeployError as error:
                service.fail(str(error))

    def _service(self, name: str) -> Service:
        if name not in self._services:
            orphans = self._orphans.pop(name, None) or Orphans()
            ledger = Ledger(name, self._data, self._registry, orphans.metrics_files)
            self._services[name] = Service(ledger, self._children, orphans)
        return self._services[name]

    def check(self) -> None:
        """Do what is due once a second."""
        now = time.monotonic()
        for service in self._services.values():
            service.check(now)
        self._forwards.check()
        if now - self._tidied >= _TIDY_SECONDS:
            self._tidied = now
            for service in self._services.values():
                service.ledger.tidy()
            self._forwards.tidy()
            if now - self._swept >= _SWEEP_SECONDS:
                self._swept = now
                asyncio.get_running_loop().run_in_executor(None, remove_leftovers, self._data)

    async def leave(self, owner: object) -> None:
        """Take away the candidates of a connection that has ended."""
        for token in [token for token, staged in self._candidates.items() if staged.owner is owner]:
            await self._discard({"candidate": token}, owner)

    async def end(self) -> None:
        """End all processes."""
        for task in self._restoring:
            task.cancel()
        await asyncio.gather(*(service.end() for service in self._services.values()), self._forwards.end_all())

    async def _hello(self, _request: Message, _owner: object) -> Message:
        return {"version": jupyter_deploy.__version__, "protocol": PROTOCOL, "idle": self.idle}

    async def _stage(self, request: Message, owner: object) -> Message:
        began = time.monotonic()
        name = request["name"]
        service = self._service(name)
        self._check_port(name, request["port"])
        self._check_key(name, request["host"], request["api_key_digest"])
        listener = service.choose_listener(request["host"], request["port"], self._taken_ports(name))
        spec = Spec(
            name, request["version"], Path(request["bundle"]), request["environment"],
            choose_scale(service.ledger.read_scale(), **request["scale"]),
            Limits(**request["limits"]), service.ledger.log(request["version"]), service.ledger.metrics,
            request["api_key_digest"], request["variables"],
        )
        try:
            pool = await service.stage(spec, listener)
        except BaseException:
            self._forget(service)
            raise
        token = uuid.uuid4().hex
        self._candidates[token] = Staged(service, pool, owner)
        first = pool.workers[0]
        return {"candidate": token, "url": f"http://127.0.0.1:{first.ready.result()}", "pid": first.pid,
                "conduct": first.conduct, "seconds": time.monotonic() - began}

    def _forget(self, service: Service) -> None:
        """Leave nothing of a deployment that never was."""
        if not service.pools and service.ledger.find() is None:
            service.ledger.clear()
            self._services.pop(service.ledger.name, None)

    def _check_port(self, name: str, port: int | None) -> None:
        for record in list_deployments(self._registry):
            if port is not None and record.port == port and record.name != name:
                raise TargetError(f"port {port} belongs to the deployment {record.name!r}",
                                  advice=f"choose another --port, or delete that one: nbdeploy rm {record.name}")

    def _check_key(self, name: str, host: str | None, digest: str | None) -> None:
        known = find_deployment(self._registry, name)
        if known is not None and known.target != "local":
            raise TargetError(f"{name!r} is a deployment of the target {known.target!r}",
                              advice=f"choose another --name, or delete that one: nbdeploy rm {name}")
        host = host or (known.host if known else LOOPBACK)
        if digest is None and not is_loopback(host):
            raise TargetError(f"{host} can be reached from other machines, and there is no API key",
                              advice="give one with --api-key, or listen on --host 127.0.0.1")
        if digest is None and known and known.api_key_digest:
            raise TargetError(f"the callers of {name!r} send an API key, and this deploy would remove it",
                              advice=f"give one with --api-key; to have none, first: nbdeploy rm {name}")

    def _taken_ports(self, name: str) -> set[int]:
        recorded = {record.port for record in list_deployments(self._registry) if record.name != name}
        pools = [pool for service in self._services.values() for pool in service.pools]
        held = {port for other, port in self._forwards.ports.items() if other != name}
        return recorded | held | {pool.listener.port for pool in pools}

    async def _apply(self, request: Message, _owner: object) -> Message:
        staged = self._take_candidate(request)
        began = time.monotonic()
        try:
            if request["rollout"] is None:
                await staged.service.apply(staged.pool, "deployed", Release(request["proof"], request["notebook"]))
            else:
                _check_beside(staged, request["rollout"]["mode"])
                await staged.service.rollouts.put_beside(staged.pool, _write_record(staged.pool.spec, request),
                                                         request["rollout"]["mode"])
        except DeployError:
            await staged.service.discard(staged.pool)
            self._forget(staged.service)
            raise
        return {"url": staged.pool.listener.url, "lacks": staged.service.rollouts.lacks,
                "seconds": time.monotonic() - began}

    async def _discard(self, request: Message, _owner: object) -> Message:
        staged = self._take_candidate(request)
        await staged.service.discard(staged.pool)
        self._forget(staged.service)
        return {}

    def _take_candidate(self, request: Message) -> Staged:
        if request["candidate"] not in self._candidates:
            raise TargetError("the candidate is gone: it was discarded, or is live already",
                              advice="deploy again")
        return self._candidates.pop(request["candidate"])

    async def _status(self, _request: Message, _owner: object) -> Message:
        return {"services": {name: service.describe() for name, service in self._services.items()},
                "forwards": self._forwards.describe()}

    async def _start(self, request: Message, _owner: object) -> Message:
        service = self._service(request["name"])
        await service.bring_back(request["variables"], "started")
        return {}

    async def _stop(self, request: Message, _owner: object) -> Message:
        await self._service(request["name"]).stop()
        return {}

    async def _rollback(self, request: Message, _owner: object) -> Message:
        began = time.monotonic()
        service = self._service(request["name"])
        await service.roll_back(request["version"], request["variables"])
        record = service.ledger.read()
        return {"version": record.version, "url": service.url, "seconds": time.monotonic() - began}

    async def _promote(self, request: Message, _owner: object) -> Message:
        began = time.monotonic()
        service = self._service(request["name"])
        lacks = service.rollouts.lacks
        version = await service.rollouts.promote()
        return {"version": version, "lacks": lacks, "url": service.url, "seconds": time.monotonic() - began}

    async def _abort(self, request: Message, _owner: object) -> Message:
        return {"version": await self._service(request["name"]).rollouts.abort("by hand")}

    async def _delete(self, request: Message, _owner: object) -> Message:
        await self._service(request["name"]).delete()
        self._services.pop(request["name"], None)
        return {}

    async def _forward(self, request: Message, _owner: object) -> Message:
        self._check_port(request["name"], request["port"])
        listener = await self._forwards.switch(request["name"], request["host"], request["port"], request["ports"],
                                               request["api_key_digest"])
        return {"url": listener.url, "port": listener.port}

    async def _unforward(self, request: Message, _owner: object) -> Message:
        await self._forwards.end(request["name"], request["seconds"])
        return {}


def _write_record(spec: Spec, request: Message) -> RolloutRecord:
    rollout = request["rollout"]
    return RolloutRecord(
        spec.name, spec.version, str(spec.bundle), spec.environment, rollout["mode"], rollout["share"],
        rollout["rules"], spec.scale.dump(), asdict(spec.limits), request["proof"], request["notebook"])


def _check_beside(staged: Staged, mode: str) -> None:
    """Refuse what cannot be tried beside a live version; a candidate that is only staged for a check is not asked."""
    service, spec, listener = staged.service, staged.pool.spec, staged.pool.listener
    check_beside(spec.name, service.ledger.find() if service.is_live else None, mode, version=spec.version,
                 host=listener.host, port=listener.port, digest=spec.api_key_digest)
