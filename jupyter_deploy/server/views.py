"""What the routes answer: plain functions that block, called in a thread."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_deploy import __version__
from jupyter_deploy.errors import UsageError
from jupyter_deploy.metrics import Sample, combine_samples
from jupyter_deploy.registry import (
    Record,
    data_dir,
    find_deployment,
    find_version,
    list_deployments,
    open_registry,
    registry_path,
)
from jupyter_deploy.runtime.manifest import BundleDamaged, Manifest, read_manifest
from jupyter_deploy.runtime.types import parameters_schema
from jupyter_deploy.server.refusal import UnknownEndpoint
from jupyter_deploy.targets.deployments import find_target_of, find_targets
from jupyter_deploy.targets.target import check_name, list_targets
from jupyter_deploy.watch import describe_status, read_samples, snapshot

WINDOW = 300
"""Seconds that the list's figures look back on."""
POINTS = 60
"""Points of a spark line."""
LOCAL = "local"


def describe_server() -> dict[str, Any]:
    """Give the version, for the handshake, and the targets that can be chosen."""
    return {"version": __version__, "targets": list(list_targets())}


def list_endpoints() -> list[dict[str, Any]]:
    """Give every endpoint of this machine with its figures of the last minutes."""
    now = time.time()
    statuses = [status for target in find_targets(None) for status in target.status()]
    with closing(open_registry(registry_path())) as registry:
        samples = {one.name: read_samples(registry, one.name, now - WINDOW, 1) for one in statuses}
    return [{**_summary(describe_status(one)), **_figures(samples[one.name], now)} for one in statuses]


def _summary(status: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in ("versions", "events")}


def _figures(samples: Sequence[Sample], now: float) -> dict[str, Any]:
    recent = [sample for sample in samples if sample.time > now - 10]
    total = combine_samples(samples) if samples else None
    return {
        "rate": sum(sample.requests for sample in recent) / 10,
        "p95": total.quantile(0.95) if total else None,
        "requests": total.requests if total else 0,
        "errors": total.errors if total else 0,
        "spark": spark(samples, now),
    }


def spark(samples: Sequence[Sample], now: float) -> list[float]:
    """Give the requests a second in `POINTS` equal stretches of the window, the oldest first."""
    width = WINDOW / POINTS
    counts = [0.0] * POINTS
    for sample in samples:
        first = max(0, int((sample.time - sample.seconds - now + WINDOW) // width))
        last = min(POINTS - 1, int((sample.time - now + WINDOW) // width))
        if sample.requests and first <= last:
            for index in range(first, last + 1):
                counts[index] += sample.requests / (last - first + 1)
    return [round(count / width, 3) for count in counts]


def show_endpoint(name: str, since: float, resolution: int) -> dict[str, Any]:
    """Give one endpoint with its samples after `since`, its versions, events and failures."""
    if resolution not in (1, 60, 900):
        raise UsageError(f"wanted a resolution of 1, 60 or 900 seconds, found {resolution}", where="resolution")
    record = find_record(name)
    shown = snapshot(find_target_of(name, None), name, since, resolution=resolution).describe()
    return {**shown, "guarded": record.api_key_digest is not None}


def list_entries(name: str) -> dict[str, Any]:
    """Give the entries of the live version: the schema of their arguments and their golden calls."""
    manifest, bundle = read_live_manifest(find_record(name))
    golden = [{"entry": call.entry, "source": call.source, **json.loads((bundle / call.file).read_bytes())}
              for call in manifest.golden]
    return {
        "version": manifest.version,
        "entries": [{"name": entry.name, "doc": entry.doc, "schema": parameters_schema(entry),
                     "golden": [one for one in golden if one["entry"] == entry.name]} for entry in manifest.entries],
    }


def read_logs(name: str, lines: int) -> list[dict[str, Any]]:
    """Give the last log records."""
    find_record(name)
    return list(find_target_of(name, None).logs(name, lines=min(max(lines, 0), 1000)))


def act(name: str, action: str, version: str | None) -> dict[str, Any]:
    """Roll back, stop, start or delete, and give the endpoint as it is then."""
    find_record(name)
    target = find_target_of(name, None)
    match action:
        case "rollback":
            done = asdict(target.rollback(name, version))
        case "stop":
            done = describe_status(target.stop(name))
        case "start":
            done = describe_status(target.start(name)[0])
        case "delete":
            target.delete(name)
            done = {"name": name}
        case _:
            raise UsageError(f"there is no action {action!r}", advice="there are rollback, stop, start and delete")
    return done


def find_record(name: str) -> Record:
    """Find a deployment in the registry (`UnknownEndpoint` otherwise): only what is there is asked or called."""
    with closing(open_registry(registry_path())) as registry:
        record = find_deployment(registry, check_name(name))
        known = [one.name for one in list_deployments(registry)]
    if record is None:
        raise UnknownEndpoint(f"there is no endpoint {name!r}",
                              advice=f"there are: {', '.join(known)}" if known else "there is none yet")
    return record


def read_live_manifest(record: Record) -> tuple[Manifest, Path]:
    """Read what the live version's bundle says (`UnknownEndpoint` when the bundle is gone or damaged)."""
    with closing(open_registry(registry_path())) as registry:
        version = find_version(registry, record.name, record.version)
    bundle = Path(version.bundle if version is not None else data_dir() / "bundles" / record.version)
    try:
        return read_manifest(bundle), bundle
    except BundleDamaged as error:
        raise UnknownEndpoint(str(error), where=str(bundle), advice="deploy again from the notebook") from error
