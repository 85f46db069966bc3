"""The target `docker`: containers of the user's own engine, behind an address that the local supervisor holds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from jupyter_deploy.environment import Environment
from jupyter_deploy.errors import TargetError
from jupyter_deploy.image import BuildOptions, build_image
from jupyter_deploy.image.build import default_base
from jupyter_deploy.image.engine import connect
from jupyter_deploy.image.listing import report_steps
from jupyter_deploy.registry import (
    Event,
    Record,
    VersionRecord,
    add_event,
    data_dir,
    delete_deployment,
    find_version,
    list_versions,
    open_registry,
    registry_path,
    save_deployment,
)
from jupyter_deploy.targets.deployments import find_records
from jupyter_deploy.targets.docker.containers import Containers, Spec, is_ours
from jupyter_deploy.targets.docker.logs import follow_logs, read_logs, remove_files
from jupyter_deploy.targets.docker.options import (
    GRACE_SECONDS,
    DockerOptions,
    check_local,
    check_options,
    find_variables,
    write_arguments,
)
from jupyter_deploy.targets.docker.retire import retire
from jupyter_deploy.targets.docker.share import check_share, choose_share, tell_unlimited
from jupyter_deploy.targets.docker.state import containers_of, describe_deployment
from jupyter_deploy.targets.docker.version import (
    RunningVersion,
    bring_back,
    call_seconds,
    find_record,
    go_live,
    open_supervisor,
    read_bundle,
    run_version,
)
from jupyter_deploy.targets.local.client import connect as reach_supervisor
from jupyter_deploy.targets.local.client import start_ahead
from jupyter_deploy.targets.local.listeners import LOOPBACK
from jupyter_deploy.targets.target import Candidate, Deployment, Plan, Report, Status, check_name


class DockerTarget:
    """Services in containers, independent of the kernel and of JupyterLab."""

    name = "docker"
    Options = DockerOptions

    def __init__(self) -> None:
        self._staged: dict[str, RunningVersion] = {}

    def plan(self, bundle: Path, *, name: str, environment: Environment, options: DockerOptions,
             notebook: str | None = None) -> Plan:
        """Say what would be done; nothing is."""
        check_name(name)
        manifest = read_bundle(bundle)
        gpu = {"needed": " with all GPUs", "usable": " with all GPUs, if the engine can give them"}.get(
            manifest.hardware.gpu if manifest.hardware else "none", "")
        lines = (
            f"build the image {name}:{manifest.version} on {options.base or default_base(manifest.python)}",
            f"prove it in a container, unseen by callers (golden calls: {len(manifest.golden)})",
            f"run it{gpu}, with the limits that the proof suggests; containers: {_workers(options, find_record(name))}",
            f"take over {options.host or LOOPBACK}, port {options.port or 'remembered, or a free one'}",
        )
        return Plan(self.name, name, manifest.version, bundle, environment, options, lines, notebook)

    def prepare(self) -> None:
        """Start the supervisor in the background, if none runs: while the notebook is read, that costs nothing."""
        start_ahead()

    def check(self, name: str, options: DockerOptions, version: str | None = None) -> None:  # noqa: ARG002
        """Refuse what could not go live, before it is made or started."""
        check_options(name, options, find_record(name))
        engine = connect()
        check_local(engine)
        check_share(engine, options)

    def stage(self, plan: Plan, report: Report = lambda *_: None) -> Candidate:
        """Build the image, prove it, and start its containers unseen by callers."""
        options: DockerOptions = plan.options
        manifest = read_bundle(plan.bundle)
        known = find_record(plan.name)
        check_options(plan.name, options, known)
        variables = find_variables(manifest, options.env)
        engine = connect()
        image = build_image(plan.bundle, options=BuildOptions(base=options.base, environment=variables),
                            report=report, say=report_steps(report))
        arguments = write_arguments(plan.name, options.limits, options.api_key_digest)
        running = run_version(engine, manifest, Spec(plan.name, plan.version, image.id, arguments, variables),
                              _workers(options, known))
        containers, first = Containers(engine, data_dir()), running.containers[0]
        try:
            if unlimited := tell_unlimited(engine):
                report("limits", unlimited, 0.0)
            conduct = containers.read_conduct(first.id)
        except BaseException:
            containers.remove_all(running.ids)
            raise
        handle = ",".join(running.ids)
        self._staged[handle] = running
        return Candidate(plan.name, plan.version, f"http://{LOOPBACK}:{first.port}", handle,
                         tuple(pid for pid in [first.pid] if is_ours(pid)), conduct)

    def apply(self, plan: Plan, candidate: Candidate, proof: Mapping[str, Any] | None) -> Deployment:
        """Send callers to the candidate's containers; those before finish what they accepted."""
        began = time.monotonic()
        options: DockerOptions = plan.options
        running = self._staged[candidate.handle]
        engine = connect()
        share = choose_share(engine, options, (proof or {}).get("usage"))
        known = find_record(plan.name)
        record = Record(
            plan.name, self.name, options.host or (known.host if known else LOOPBACK),
            options.port or (known.port if known else 0), _workers(options, known), plan.version,
            limits={**dataclasses.asdict(options.limits), "base": options.base, "gpus": running.spec.gpus,
                    "memory": share.memory, "cpus": share.cpus},
            api_key_digest=options.api_key_digest)
        release = VersionRecord(
            plan.name, plan.version, str(plan.bundle), _environment(running.spec.image), dict(proof) if proof else None,
            plan.notebook, previous=known.version if known else None)
        url = go_live(engine, record, running, "deployed", release)
        del self._staged[candidate.handle]
        return Deployment(plan.name, self.name, plan.version, url, time.monotonic() - began)

    def discard(self, candidate: Candidate) -> None:
        """Take the candidate's containers away, if they are not live already."""
        running = self._staged.pop(candidate.handle, None)
        if running is not None and not set(running.ids) & set(containers_of(find_record(candidate.name))):
            Containers(connect(), data_dir()).remove_all(running.ids)

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
        record = find_record(name)
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
                    bring_back(record, record.version, "started")
        return self.status(name)

    def _held(self, name: str) -> dict[str, Any] | None:
        with open_supervisor() as client:
            found: dict[str, Any] | None = client.request("status")["forwards"].get(name)
        return found

    def stop(self, name: str) -> Status:
        """Take a deployment off the air; what it accepted is answered."""
        (record,) = find_records(self.name, name)
        containers = Containers(connect(), data_dir())  # without an engine nothing is begun
        with open_supervisor() as client:
            client.request("unforward", name=name, seconds=call_seconds(record))
        with closing(open_registry(registry_path())) as registry:
            save_deployment(registry, dataclasses.replace(record, wanted="stopped"))
            add_event(registry, Event(name, time.time(), "stopped", f"version {record.version} is off the air"))
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
        url = bring_back(record, wanted, "rolled-back")
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
        engine = connect()
        with open_supervisor() as client:
            client.request("unforward", name=name, seconds=call_seconds(record))
        containers = Containers(engine, data_dir())
        containers.remove_all([one.id for one in containers.find_all(name)])
        with closing(open_registry(registry_path())) as registry:
            delete_deployment(registry, name)
        for image in images:
            engine.forget(image)
        remove_files(name, data_dir())


def _workers(options: DockerOptions, known: Record | None) -> int:
    return options.containers or (known.workers if known else 1)


def _environment(image: str) -> dict[str, Any]:
    return Environment("installed", "python3", ()).dump() | {"image": image}


def _no_rollout(name: str) -> TargetError:
    return TargetError(f"{name} runs in containers, where no version is tried beside the live one",
                       advice="--canary and --shadow are for the target local; nbdeploy rollback goes back a version")
