"""The target `local`: this machine, through the supervisor."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_deploy.environment import Environment
from jupyter_deploy.environment.carved import changed_distributions
from jupyter_deploy.errors import BundleError, TargetError, UsageError
from jupyter_deploy.registry import (
    Connection,
    Record,
    data_dir,
    find_version,
    open_registry,
    registry_path,
)
from jupyter_deploy.runtime.manifest import BundleDamaged, Manifest, read_manifest
from jupyter_deploy.targets.deployments import find_records, list_history
from jupyter_deploy.targets.local.beside import check_beside
from jupyter_deploy.targets.local.client import Client, connect, start_ahead
from jupyter_deploy.targets.local.ledger import required_variables
from jupyter_deploy.targets.local.listeners import FIRST_PORT, LOOPBACK, build_url
from jupyter_deploy.targets.local.logs import follow_log, read_log
from jupyter_deploy.targets.local.memory import read_resident
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.local.scaling import Scale, read_scale
from jupyter_deploy.targets.local.spec import Limits, pass_variables
from jupyter_deploy.targets.rollout import name_rollout, write_share
from jupyter_deploy.targets.target import Candidate, Deployment, Plan, Report, Status, check_name


class LocalTarget:
    """Services on this machine, independent of the kernel and of JupyterLab."""

    name = "local"
    Options = LocalOptions

    def __init__(self) -> None:
        self._connections: dict[str, Client] = {}

    def plan(self, bundle: Path, *, name: str, environment: Environment, options: LocalOptions,
             notebook: str | None = None) -> Plan:
        """Say what would be done; nothing is."""
        check_name(name)
        manifest = _read(bundle)
        where = f"{options.host or LOOPBACK}, port {options.port or f'remembered, or free from {FIRST_PORT} on'}"
        last = f"take over {where}; the version that is live now finishes what it accepted"
        if options.canary is not None:
            last = f"let it answer {write_share(options.canary)} of the requests beside the version that is live"
        elif options.shadow:
            last = "let it answer copies of the requests, and compare; callers get the live version's answers"
        lines = (
            f"start version {manifest.version} with {environment.python}; workers: {options.said_scale or 'as before'}",
            f"prove them on a private port, unseen by callers (golden calls: {len(manifest.golden)})",
            last,
            *_plan_sleep(options, manifest),
        )
        return Plan(self.name, name, manifest.version, bundle, environment, options, lines, notebook)

    def prepare(self) -> None:
        """Start the supervisor in the background, if none runs: while the notebook is read, that costs nothing."""
        start_ahead()

    def check(self, name: str, options: LocalOptions, version: str | None = None) -> None:
        """Refuse what could not go live (`TargetError`), before it is made or started."""
        if options.mode is not None:
            live = next((record for record in find_records(self.name, None)
                         if record.name == name and record.wanted == "live"), None)
            host = LOOPBACK if options.host == "localhost" else options.host
            check_beside(name, live, options.mode, version=version, host=host, port=options.port,
                         digest=options.api_key_digest)

    def stage(self, plan: Plan, report: Report | None = None) -> Candidate:  # noqa: ARG002 - nothing takes long
        """Start the workers unseen by callers; they end with this process unless they are applied."""
        options: LocalOptions = plan.options
        manifest = _read(plan.bundle)
        variables = {**pass_variables(os.environ, manifest.environment), **options.env}
        if missing := [key for key in manifest.environment if key not in variables]:
            raise UsageError(f"the service reads the environment variable {missing[0]}, which is not set",
                             advice=f"set os.environ[{missing[0]!r}] and deploy again; it is kept in memory only")
        client = _connect()
        try:
            answer = client.request(
                "stage", name=plan.name, version=plan.version, bundle=str(plan.bundle.resolve()),
                environment=asdict(plan.environment), scale=options.scale, host=options.host, port=options.port,
                limits=asdict(Limits(options.max_body, options.max_queue, options.timeout, options.batch,
                                     options.memory)),
                api_key_digest=options.api_key_digest, variables=variables,
            )
            _check_memory(answer["pid"], options.memory)
        except BaseException:
            client.close()
            raise
        self._connections[answer["candidate"]] = client
        return Candidate(plan.name, plan.version, answer["url"], answer["candidate"], (answer["pid"],),
                         answer["conduct"])

    def apply(self, plan: Plan, candidate: Candidate, proof: Mapping[str, Any] | None) -> Deployment:
        """Make the candidate live on its port, or put it beside the version that is."""
        options: LocalOptions = plan.options
        share = 1.0 if options.canary is None else options.canary
        rollout = options.mode and {"mode": options.mode, "share": share, "rules": options.rules}
        with self._connections.pop(candidate.handle) as client:
            answer = client.request("apply", candidate=candidate.handle, notebook=plan.notebook, rollout=rollout,
                                    proof=None if proof is None else dict(proof))
        beside = options.mode and name_rollout(options.mode, share)
        return Deployment(plan.name, self.name, plan.version, answer["url"], answer["seconds"], beside,
                          tuple(answer.get("lacks", ())))

    def discard(self, candidate: Candidate) -> None:
        """Take the candidate away, if it is not gone or live already."""
        client = self._connections.pop(candidate.handle, None)
        if client is not None:
            with client:
                client.request("discard", candidate=candidate.handle)

    def status(self, name: str | None = None) -> tuple[Status, ...]:
        """Tell how one deployment is, or all; what should be live and is not is brought back."""
        records = _records(name)
        client = connect(start=any(record.wanted == "live" for record in records))
        services: dict[str, Any] = {}
        if client is not None:
            with client:
                services = client.request("status")["services"]
        with closing(open_registry(registry_path())) as registry:
            return tuple(_describe(registry, record, services.get(record.name, {})) for record in records)

    def logs(self, name: str, *, lines: int = 100, follow: bool = False) -> Iterator[dict[str, Any]]:
        """Give the last log lines of all versions in the order of their times; with `follow`, also what comes."""
        folder = data_dir() / "logs" / check_name(name)
        if not folder.is_dir():
            # Of a candidate, too, there is a log: so only now.
            _records(name)
        return follow_log(folder, lines) if follow else iter(read_log(folder, lines))

    def start(self, name: str | None = None) -> tuple[Status, ...]:
        """Bring back a stopped deployment, or all that should be live.

        All: also over from a supervisor of another release of this package, which ends.
        """
        records = _records(name)
        with _connect(replace=name is None) as client:
            for record in records:
                if name is not None or record.wanted == "live":
                    client.request("start", name=record.name, variables=_variables(record.name))
        return self.status(name)

    def stop(self, name: str) -> Status:
        """Take a deployment off the air; what it accepted is answered."""
        _records(name)
        with _connect() as client:
            client.request("stop", name=name)
        return self.status(name)[0]

    def rollback(self, name: str, version: str | None = None) -> Deployment:
        """Make an earlier version live: the one that the present one replaced, unless `version` names one."""
        _records(name)
        with _connect() as client:
            answer = client.request("rollback", name=name, version=version, variables=_variables(name))
        return Deployment(name, self.name, answer["version"], answer["url"], answer["seconds"])

    def promote(self, name: str) -> Deployment:
        """Make the version live that is tried beside the live one."""
        _records(name)
        with _connect() as client:
            answer = client.request("promote", name=name)
        return Deployment(name, self.name, answer["version"], answer["url"], answer["seconds"],
                          lacks=tuple(answer.get("lacks", ())))

    def abort(self, name: str) -> Status:
        """Take away the version that is tried beside the live one, which then answers all requests."""
        _records(name)
        with _connect() as client:
            client.request("abort", name=name)
        return self.status(name)[0]

    def delete(self, name: str) -> None:
        """Stop a deployment and forget it; its bundles stay for a week."""
        _records(name)
        with _connect() as client:
            client.request("delete", name=name)


def _plan_sleep(options: LocalOptions, manifest: Manifest) -> Iterator[str]:
    if options.min != 0:
        return
    yield f"sleep after {options.idle or Scale.idle:g} s without a call; the next one wakes it and is answered"
    if changing := [entry.name for entry in manifest.entries if entry.mutates]:
        yield f"lose, when it sleeps, what calls of {', '.join(changing)} have changed"


def _check_memory(pid: int, limit: int | None) -> None:
    """Refuse a limit that a worker is over before its first call: it would be replaced again and again."""
    resident = read_resident(pid)
    if limit is not None and resident is not None and resident > limit:
        raise UsageError(f"a worker takes {resident / 1e6:.0f} MB before its first call, and --memory allows "
                         f"{limit / 1e6:.0f} MB", advice=f"for instance --memory {resident * 2 // 10**6}MB")


def _connect(*, replace: bool = False) -> Client:
    client = connect(replace=replace)
    if client is None:
        raise TargetError("the supervisor of local deployments did not start")
    return client


def _read(bundle: Path) -> Manifest:
    try:
        return read_manifest(bundle)
    except BundleDamaged as error:
        raise BundleError(str(error), where=str(bundle), advice="deploy again from the notebook") from error


def _records(name: str | None) -> list[Record]:
    return find_records(LocalTarget.name, name)


def _describe(registry: Connection, record: Record, held: dict[str, Any]) -> Status:
    versions, events = list_history(registry, record.name)
    state = held.get("state", "stopped")
    if state == "stopped" and record.wanted == "live":
        # A supervisor that has just started has not come to it yet.
        state = "starting"
    return Status(
        record.name, record.target, state, build_url(record.host, record.port),
        record.version, held.get("workers", 0), held.get("wanted", record.workers), held.get("reason"),
        versions, events, _warnings(registry, record), held.get("rollout"),
        {"pids": held.get("pids", []), "limits": record.limits, "api_key": record.api_key_digest is not None,
         "scale": read_scale(record.scale, record.workers).text, "starts": held.get("starts")},
    )


def _warnings(registry: Connection, record: Record) -> tuple[str, ...]:
    live = find_version(registry, record.name, record.version)
    changed = changed_distributions(Environment.parse(live.environment)) if live is not None else ()
    text = ("changed in the notebook's environment since this version was proven, and a worker that starts anew runs "
            "on what is there now; deploy again to prove it")
    return (f"{', '.join(changed)}: {text}",) if changed else ()


def _variables(name: str) -> dict[str, str]:
    """Give what a deployment's workers may see of this process's environment, for any of its versions."""
    with closing(open_registry(registry_path())) as registry:
        return pass_variables(os.environ, required_variables(registry, name))
