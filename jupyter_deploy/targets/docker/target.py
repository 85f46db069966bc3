"""The target `docker`: containers of the user's own engine, behind an address that the local supervisor holds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.environment import Environment
from jupyter_deploy.errors import BundleError, TargetError
from jupyter_deploy.image import BuildOptions, build_image
from jupyter_deploy.image.build import default_base
from jupyter_deploy.image.engine import Engine, connect
from jupyter_deploy.image.listing import report_steps
from jupyter_deploy.registry import (
    Event,
    Record,
    VersionRecord,
    add_event,
    add_version,
    data_dir,
    delete_deployment,
    find_deployment,
    find_version,
    list_versions,
    open_registry,
    registry_path,
    save_deployment,
)
from jupyter_deploy.runtime.conduct import known_grips
from jupyter_deploy.runtime.manifest import BundleDamaged, Manifest, read_manifest
from jupyter_deploy.targets.deployments import find_records
from jupyter_deploy.targets.docker.containers import Container, Containers, Spec, is_ours
from jupyter_deploy.targets.docker.logs import follow_logs, read_logs, remove_files
from jupyter_deploy.targets.docker.options import (
    GRACE_SECONDS,
    DockerOptions,
    check_local,
    check_options,
    find_variables,
    write_arguments,
)
from jupyter_deploy.targets.docker.retire import retire, retire_later
from jupyter_deploy.targets.docker.share import Share, check_share, choose_share, tell_unlimited
from jupyter_deploy.targets.docker.state import containers_of, describe_deployment
from jupyter_deploy.targets.local.client import Client, start_ahead
from jupyter_deploy.targets.local.client import connect as reach_supervisor
from jupyter_deploy.targets.local.listeners import LOOPBACK
from jupyter_deploy.targets.local.spec import Limits
from jupyter_deploy.targets.target import Candidate, Deployment, Plan, Report, Status, check_name


@dataclass(frozen=True)
class _Running:
    """Containers of one version that are ready."""

    spec: Spec
    containers: tuple[Container, ...]

    @property
    def ports(self) -> list[int]:
        return [one.port for one in self.containers if one.port is not None]

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.containers]


class DockerTarget:
    """Services in containers, independent of the kernel and of JupyterLab."""

    name = "docker"
    Options = DockerOptions

    def __init__(self) -> None:
        self._staged: dict[str, _Running] = {}

    def plan(self, bundle: Path, *, name: str, environment: Environment, options: DockerOptions,
             notebook: str | None = None) -> Plan:
        """Say what would be done; nothing is."""
        check_name(name)
        manifest = _read(bundle)
        gpu = {"needed": " with all GPUs", "usable": " with all GPUs, if the engine can give them"}.get(
            manifest.hardware.gpu if manifest.hardware else "none", "")
        lines = (
            f"build the image {name}:{manifest.version} on {options.base or default_base(manifest.python)}",
            f"prove it in a container, unseen by callers (golden calls: {len(manifest.golden)})",
            f"run it{gpu}, with the limits that the proof suggests; containers: {_workers(options, _find(name))}",
            f"take over {options.host or LOOPBACK}, port {options.port or 'remembered, or a free one'}",
        )
        return Plan(self.name, name, manifest.version, bundle, environment, options, lines, notebook)

    def prepare(self) -> None:
        """Start the supervisor in the background, if none runs: while the notebook is read, that costs nothing."""
        start_ahead()

    def check(self, name: str, options: DockerOptions, version: str | None = None) -> None:  # noqa: ARG002
        """Refuse what could not go live, before it is made or started."""
        check_options(name, options, _find(name))
        engine = connect()
        check_local(engine)
        check_share(engine, options)

    def stage(self, plan: Plan, report: Report = lambda *_: None) -> Candidate:
        """Build the image, prove it, and start its containers unseen by callers."""
        options: DockerOptions = plan.options
        manifest = _read(plan.bundle)
        known = _find(plan.name)
        check_options(plan.name, options, known)
        variables = find_variables(manifest, options.env)
        engine = connect()
        image = build_image(plan.bundle, options=BuildOptions(base=options.base, environment=variables),
                            report=report, say=report_steps(report))
        arguments = write_arguments(plan.name, options.limits, options.api_key_digest)
        running = self._run(engine, plan.name, manifest, plan.version, image.id, _workers(options, known), arguments,
                            variables)
        if unlimited := tell_unlimited(engine):
            report("limits", unlimited, 0.0)
        handle = ",".join(running.ids)
        self._staged[handle] = running
        first = running.containers[0]
        return Candidate(plan.name, plan.version, f"http://{LOOPBACK}:{first.port}", handle,
                         tuple(pid for pid in [first.pid] if is_ours(pid)),
                         Containers(engine, data_dir()).read_conduct(first.id))

    def _run(self, engine: Engine, name: str, manifest: Manifest, version: str, image: str, workers: int,
             arguments: tuple[str, ...], variables: Mapping[str, str]) -> _Running:
        containers = Containers(engine, data_dir())
        gpus = engine.wants_gpus(manifest)
        spec = Spec(name, version, image, arguments, variables, gpus)
        return _Running(spec, containers.start_all(spec, workers))

    def apply(self, plan: Plan, candidate: Candidate, proof: Mapping[str, Any] | None) -> Deployment:
        """Send callers to the candidate's containers; those before finish what they accepted."""
        began = time.monotonic()
        options: DockerOptions = plan.options
        running = self._staged[candidate.handle]
        share = choose_share(connect(), options, (proof or {}).get("usage"))
        known = _find(plan.name)
        record = Record(
            plan.name, self.name, options.host or (known.host if known else LOOPBACK),
            options.port or (known.port if known else 0), _workers(options, known), plan.version,
            limits={**dataclasses.asdict(options.limits), "base": options.base, "gpus": running.spec.gpus,
                    "memory": share.memory, "cpus": share.cpus},
            api_key_digest=options.api_key_digest)
        release = VersionRecord(
            plan.name, plan.version, str(plan.bundle), _environment(running.spec.image), dict(proof) if proof else None,
            plan.notebook, previous=known.version if known else None)
        url = self._go_live(record, running, "deployed", release)
        del self._staged[candidate.handle]
        return Deployment(plan.name, self.name, plan.version, url, time.monotonic() - began)

    def _go_live(self, record: Record, running: _Running, kind: str, release: VersionRecord | None = None) -> str:
        """Limit the containers, send callers to them, write it down, and let those before finish."""
        share = Share(record.limits["memory"], record.limits["cpus"])
        containers = Containers(connect(), data_dir())
        running = _Running(running.spec, containers.keep(running.spec, running.containers, share))
        host = LOOPBACK if record.host == "localhost" else record.host
        try:
            with _supervisor() as client:
                answer = client.request("forward", name=record.name, host=host, port=record.port or None,
                                        ports=running.ports, api_key_digest=record.api_key_digest)
        except BaseException:
            for identity in running.ids:
                containers.remove(identity)
            raise
        before = containers_of(_find(record.name))
        live = dataclasses.replace(record, host=host, port=answer["port"], wanted="live",
                                   limits={**record.limits, "ports": running.ports, "containers": running.ids})
        with closing(open_registry(registry_path())) as registry:
            save_deployment(registry, live)
            if release is not None:
                add_version(registry, release)
            add_event(registry, Event(record.name, time.time(), kind,
                                      f"version {record.version} is live at {answer['url']}"))
        retire_later(record.name, before, GRACE_SECONDS + _call_seconds(record))
        return str(answer["url"])

    def discard(self, candidate: Candidate) -> None:
        """Take the candidate's containers away, if they are not live already."""
        running = self._staged.pop(candidate.handle, None)
        if running is not None:
            containers = Containers(connect(), data_dir())
            for identity in running.ids:
                containers.remove(identity)

    def status(self, name: str | None = None) -> tuple[Status, ...]:
        """Tell how one deployment is, or all; an address that should be held and is not is taken again."""
        records = find_records(self.name, name)
        client = reach_supervisor(start=any(record.wanted == "live" for record in records))
        held: dict[str, Any] = {}
        if client is not None:
            with client:
                held = client.request("status")["forwards"]
        return tuple(describe_deployment(record, held.get(record.name)) for record in records)

    def logs(self, name: str, *, lines: int = 100, follow: bool = False) -> Iterator[dict[str, Any]]:
        """Give the last log lines of all containers in the order of their times; with `follow`, also what comes."""
        check_name(name)
        containers = Containers(connect(), data_dir())
        record = _find(name)
        if record is None and not containers.find_all(name):
            find_records(self.name, name)
        if follow and record is not None:
            return follow_logs(containers, name, next(iter(containers_of(record)), ""), lines, data_dir())
        return iter(read_logs(containers, name, lines, data_dir()))

    def start(self, name: str | None = None) -> tuple[Status, ...]:
        """Bring back a stopped deployment, or all that should be live."""
        for record in find_records(self.name, name):
            if name is not None or record.wanted == "live":
                state = describe_deployment(record, self._held(record.name)).state
                if state != "live":
                    self._bring_back(record, record.version, "started")
        return self.status(name)

    def _held(self, name: str) -> dict[str, Any] | None:
        with _supervisor() as client:
            found: dict[str, Any] | None = client.request("status")["forwards"].get(name)
        return found

    def _bring_back(self, record: Record, version: str, kind: str) -> str:
        """Run a version that was proven before, and make it live; its image is built anew if it is gone."""
        with closing(open_registry(registry_path())) as registry:
            found = find_version(registry, record.name, version)
        if found is None:
            raise TargetError(f"{record.name} has no version {version}",
                              advice=f"nbdeploy show {record.name} lists those it has")
        manifest = _read(Path(found.bundle))
        variables = find_variables(manifest, {})
        engine = connect()
        image = str(found.environment["image"])
        if engine.find(image) is None:
            base = record.limits.get("base")
            image = build_image(Path(found.bundle), options=BuildOptions(base=base, environment=variables)).id
        limits = Limits(*(record.limits[key] for key in ("max_body", "max_queue", "timeout")))
        arguments = write_arguments(record.name, limits, record.api_key_digest,
                                    known_grips((found.proof or {}).get("conduct", {})))
        running = self._run(engine, record.name, manifest, version, image, record.workers, arguments, variables)
        try:
            return self._go_live(dataclasses.replace(record, version=version), running, kind)
        except BaseException:
            for identity in running.ids:
                Containers(engine, data_dir()).remove(identity)
            raise

    def stop(self, name: str) -> Status:
        """Take a deployment off the air; what it accepted is answered."""
        (record,) = find_records(self.name, name)
        with _supervisor() as client:
            client.request("unforward", name=name, seconds=_call_seconds(record))
        with closing(open_registry(registry_path())) as registry:
            save_deployment(registry, dataclasses.replace(record, wanted="stopped"))
            add_event(registry, Event(name, time.time(), "stopped", f"version {record.version} is off the air"))
        containers = Containers(connect(), data_dir())
        retire(containers, name, [one.id for one in containers.find_all(name)], GRACE_SECONDS)
        return self.status(name)[0]

    def rollback(self, name: str, version: str | None = None) -> Deployment:
        """Make an earlier version live: the one that the present one replaced, unless `version` names one."""
        began = time.monotonic()
        (record,) = find_records(self.name, name)
        with closing(open_registry(registry_path())) as registry:
            present = find_version(registry, name, record.version)
        wanted = version or (present.previous if present else None)
        if wanted is None:
            raise TargetError(f"{name} has no version before {record.version}",
                              advice=f"nbdeploy show {name} lists its versions")
        url = self._bring_back(record, wanted, "rolled-back")
        return Deployment(name, self.name, wanted, url, time.monotonic() - began)

    def promote(self, name: str) -> Deployment:
        """Refuse: containers have no version beside the live one."""
        raise _no_rollout(name)

    def abort(self, name: str) -> Status:
        """Refuse: containers have no version beside the live one."""
        raise _no_rollout(name)

    def delete(self, name: str) -> None:
        """Stop a deployment and forget it, with the images of its versions; its bundles stay for a week."""
        (record,) = find_records(self.name, name)
        with closing(open_registry(registry_path())) as registry:
            images = [str(one.environment["image"]) for one in list_versions(registry, name) if one.environment]
        with _supervisor() as client:
            client.request("unforward", name=name, seconds=_call_seconds(record))
        engine = connect()
        containers = Containers(engine, data_dir())
        for one in containers.find_all(name):
            containers.remove(one.id)
        with closing(open_registry(registry_path())) as registry:
            delete_deployment(registry, name)
        for image in images:
            engine.forget(image)
        remove_files(name, data_dir())


def _workers(options: DockerOptions, known: Record | None) -> int:
    return options.containers or (known.workers if known else 1)


def _read(bundle: Path) -> Manifest:
    try:
        return read_manifest(bundle)
    except BundleDamaged as error:
        raise BundleError(str(error), where=str(bundle), advice="deploy again from the notebook") from error


def _find(name: str) -> Record | None:
    with closing(open_registry(registry_path())) as registry:
        return find_deployment(registry, name)


def _supervisor() -> Client:
    client = reach_supervisor()
    if client is None:
        raise TargetError("the supervisor, which holds the addresses of deployments, did not start")
    return client


def _environment(image: str) -> dict[str, Any]:
    return Environment("installed", "python3", ()).dump() | {"image": image}


def _call_seconds(record: Record) -> float:
    return Limits(timeout=record.limits.get("timeout")).call_seconds


def _no_rollout(name: str) -> TargetError:
    return TargetError(f"{name} runs in containers, where no version is tried beside the live one",
                       advice="--canary and --shadow are for the target local; nbdeploy rollback goes back a version")
