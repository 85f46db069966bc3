"""What the registry says of deployments, as all targets of this machine need it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from jupyter_deploy.errors import TargetError
from jupyter_deploy.registry import (
    Connection,
    Record,
    find_deployment,
    list_deployments,
    list_events,
    list_versions,
    open_registry,
    registry_path,
)
from jupyter_deploy.targets.target import Target, Version, check_name, find_target


def find_records(target: str, name: str | None) -> list[Record]:
    """Give the row of one deployment of a target, or of all (`TargetError` when there is none of that name)."""
    with closing(open_registry(registry_path())) as registry:
        if name is None:
            return [record for record in list_deployments(registry) if record.target == target]
        record = find_deployment(registry, check_name(name))
        known = [record.name for record in list_deployments(registry)]
    if record is None or record.target != target:
        raise TargetError(f"there is no {target} deployment {name!r}",
                          advice=f"there are: {', '.join(known)}" if known else "there is none yet")
    return [record]


def read_history(name: str) -> tuple[tuple[Version, ...], tuple[dict[str, Any], ...]]:
    """Give the versions of a deployment, the newest first, and its events, the oldest first, as a status has them."""
    with closing(open_registry(registry_path())) as registry:
        return list_history(registry, name)


def list_history(registry: Connection, name: str) -> tuple[tuple[Version, ...], tuple[dict[str, Any], ...]]:
    """Give what `read_history` gives, out of a registry that is open."""
    versions = list_versions(registry, name)
    events = list_events(registry, name)
    return (tuple(Version(item.version, item.number, item.deployed_at, item.bundle, item.notebook, item.proof)
                  for item in versions),
            tuple({"time": event.time, "kind": event.kind, "text": event.text} for event in events))


def find_targets(wanted: str | None) -> tuple[Target, ...]:
    """Give the target called `wanted`; without one, all that have a deployment here, the local one always."""
    if wanted is not None:
        return (find_target(wanted),)
    with closing(open_registry(registry_path())) as registry:
        names = {"local", *(record.target for record in list_deployments(registry))}
    return tuple(find_target(name) for name in sorted(names))


def find_target_of(name: str, wanted: str | None) -> Target:
    """Give the target on which a deployment is; `wanted`, when it is given, is believed."""
    if wanted is None:
        with closing(open_registry(registry_path())) as registry:
            record = find_deployment(registry, name)
        wanted = record.target if record is not None else "local"
    return find_target(wanted)
