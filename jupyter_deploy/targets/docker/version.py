"""One version in containers: started unseen by callers, made live, brought back later."""

from __future__ import annotations

import dataclasses
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.errors import BundleError, TargetError
from jupyter_deploy.image import BuildOptions, build_image
from jupyter_deploy.image.engine import Engine, connect
from jupyter_deploy.registry import (
    Event,
    Record,
    VersionRecord,
    add_event,
    add_version,
    data_dir,
    find_deployment,
    find_version,
    open_registry,
    registry_path,
    save_deployment,
)
from jupyter_deploy.runtime.conduct import known_grips
from jupyter_deploy.runtime.manifest import BundleDamaged, Manifest, read_manifest
from jupyter_deploy.targets.docker.containers import Container, Containers, Spec
from jupyter_deploy.targets.docker.options import GRACE_SECONDS, find_variables, write_arguments
from jupyter_deploy.targets.docker.retire import retire_later
from jupyter_deploy.targets.docker.share import Share
from jupyter_deploy.targets.docker.state import containers_of
from jupyter_deploy.targets.local.client import Client
from jupyter_deploy.targets.local.client import connect as reach_supervisor
from jupyter_deploy.targets.local.listeners import LOOPBACK
from jupyter_deploy.targets.local.spec import Limits


@dataclass(frozen=True)
class RunningVersion:
    """Containers of one version that are ready."""

    spec: Spec
    containers: tuple[Container, ...]

    @property
    def ports(self) -> list[int]:
        """Private ports on this machine."""
        return [one.port for one in self.containers if one.port is not None]

    @property
    def ids(self) -> list[str]:
        """The engine's names of the containers."""
        return [one.id for one in self.containers]


def run_version(engine: Engine, manifest: Manifest, spec: Spec, number: int) -> RunningVersion:
    """Start containers of a version; they get GPUs if the service needs them, or can use those that there are."""
    spec = dataclasses.replace(spec, gpus=engine.wants_gpus(manifest))
    return RunningVersion(spec, Containers(engine, data_dir()).start_all(spec, number))


def go_live(engine: Engine, record: Record, running: RunningVersion, kind: str, release: VersionRecord | None = None
            ) -> str:
    """Limit the containers, send callers to them, write it down, and let those before finish; gives the address.

    When that fails the containers are gone, and callers are sent where they were.
    """
    share = Share(record.limits["memory"], record.limits["cpus"])
    containers = Containers(engine, data_dir())
    host = LOOPBACK if record.host == "localhost" else record.host
    try:
        running = RunningVersion(running.spec, containers.keep(running.spec, running.containers, share))
        with open_supervisor() as client:
            answer = client.request("forward", name=record.name, host=host, port=record.port or None,
                                    ports=running.ports, api_key_digest=record.api_key_digest)
    except BaseException:
        containers.remove_all(running.ids)
        raise
    before = containers_of(find_record(record.name))
    live = dataclasses.replace(record, host=host, port=answer["port"], wanted="live",
                               limits={**record.limits, "ports": running.ports, "containers": running.ids})
    with closing(open_registry(registry_path())) as registry:
        save_deployment(registry, live)
        if release is not None:
            add_version(registry, release)
        add_event(registry, Event(record.name, time.time(), kind,
                                  f"version {record.version} is live at {answer['url']}"))
    retire_later(record.name, before, GRACE_SECONDS + call_seconds(record))
    return str(answer["url"])


def bring_back(record: Record, version: str, kind: str) -> str:
    """Run a version that was proven before, and make it live; its image is built anew if it is gone."""
    with closing(open_registry(registry_path())) as registry:
        found = find_version(registry, record.name, version)
    if found is None:
        raise TargetError(f"{record.name} has no version {version}",
                          advice=f"nbdeploy show {record.name} lists those it has")
    manifest = read_bundle(Path(found.bundle))
    variables = find_variables(manifest, {})
    engine = connect()
    image = str(found.environment["image"])
    if engine.find(image) is None:
        base = record.limits.get("base")
        image = build_image(Path(found.bundle), options=BuildOptions(base=base, environment=variables)).id
    limits = Limits(*(record.limits[key] for key in ("max_body", "max_queue", "timeout")))
    arguments = write_arguments(record.name, limits, record.api_key_digest,
                                known_grips((found.proof or {}).get("conduct", {})))
    running = run_version(engine, manifest, Spec(record.name, version, image, arguments, variables), record.workers)
    return go_live(engine, dataclasses.replace(record, version=version), running, kind)


def find_record(name: str) -> Record | None:
    """Give what the registry has under a name, whatever its target."""
    with closing(open_registry(registry_path())) as registry:
        return find_deployment(registry, name)


def read_bundle(bundle: Path) -> Manifest:
    """Read the manifest of a version (raises `BundleError` when the bundle is damaged)."""
    try:
        return read_manifest(bundle)
    except BundleDamaged as error:
        raise BundleError(str(error), where=str(bundle), advice="deploy again from the notebook") from error


def open_supervisor() -> Client:
    """Reach the supervisor (raises `TargetError` when none starts)."""
    client = reach_supervisor()
    if client is None:
        raise TargetError("the supervisor, which holds the addresses of deployments, did not start")
    return client


def call_seconds(record: Record) -> float:
    """Say how long a call that was accepted may take."""
    return Limits(timeout=record.limits.get("timeout")).call_seconds
