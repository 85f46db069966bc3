"""What the routes answer: plain functions that block, called in a thread."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_deploy import __version__
from jupyter_deploy.errors import DeployError, UsageError
from jupyter_deploy.metrics import Sample, combine_samples
from jupyter_deploy.registry import (
    Record,
    data_dir,
    find_deployment,
    find_version,
    list_deployments,
    list_samples,
    open_registry,
    registry_path,
)
from jupyter_deploy.runtime.manifest import BundleDamaged, Manifest, read_manifest
from jupyter_deploy.runtime.types import parameters_schema
from jupyter_deploy.server.board import Board, Failures
from jupyter_deploy.server.refusal import UnknownEndpoint
from jupyter_deploy.targets.deployments import find_target_of
from jupyter_deploy.targets.target import check_name, list_targets
from jupyter_deploy.watch import describe_status, read_tail

FIELDS = ("time", "seconds", "requests", "errors", "rate", "p50", "p95", "p99", "in_flight", "workers", "cpu", "memory",
          "batch", "gpu", "gpu_memory")
"""What a row of samples holds."""
_BOARD = Board()
_FAILURES = Failures()


def prepare() -> None:
    """Look once, so that what the first look takes is there when somebody opens the panel."""
    if registry_path().exists():
        with contextlib.suppress(DeployError, sqlite3.Error, OSError):  # who looks will be told
            _BOARD.describe()


def describe_server() -> dict[str, Any]:
    """Give the version, for the handshake, and the targets that can be chosen."""
    return {"version": __version__, "targets": list(list_targets())}


def list_endpoints() -> list[dict[str, Any]]:
    """Give every endpoint of this machine with its figures of the last minutes."""
    return _BOARD.describe()


def show_endpoint(name: str, since: float, resolution: int) -> dict[str, Any]:
    """Give one endpoint with its samples after `since`, its versions, events and failures.

    Samples up to `settled` stay as they are. Later ones are not yet rolled up to the resolution: they are summed up to
    its width, and told anew the next time.
    """
    if resolution not in (1, 60, 900):
        raise UsageError(f"wanted a resolution of 1, 60 or 900 seconds, found {resolution}", where="resolution")
    record = find_record(name)
    target = find_target_of(name, None)
    (status,) = target.status(name)
    with closing(open_registry(registry_path())) as registry:
        samples = list_samples(registry, name, since, resolution)
        settled = samples[-1].time if samples else since
        tail = read_tail(registry, name, settled, resolution)
        failures = [asdict(failure) for failure in _FAILURES.read(registry, target, name)]
    rows = [_describe_row(one) for one in [*samples, *_widen(tail, resolution)]]
    return {"name": name, "time": time.time(), "status": describe_status(status), "fields": FIELDS, "rows": rows,
            "settled": settled, "failures": failures, "guarded": record.api_key_digest is not None}


def _widen(samples: Sequence[Sample], width: int) -> list[Sample]:
    """Sum samples up to a width; the last sum is shorter, as its time is not over."""
    grouped = itertools.groupby(samples, lambda sample: -(-sample.time // width))
    return [combine_samples(list(group)) for _, group in grouped]


def _describe_row(sample: Sample) -> list[float | None]:
    figures = sample.describe()
    # The time as it is: it is compared with `settled`.
    return [sample.time, *(None if (value := figures[key]) is None else round(value, 5) for key in FIELDS[1:])]


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
    _BOARD.refresh()
    match action:
        case "rollback":
            done = asdict(target.rollback(name, version))
        case "promote":
            done = asdict(target.promote(name))
        case "abort":
            done = describe_status(target.abort(name))
        case "stop":
            done = describe_status(target.stop(name))
        case "start":
            done = describe_status(target.start(name)[0])
        case "delete":
            target.delete(name)
            done = {"name": name}
        case _:
            raise UsageError(f"there is no action {action!r}",
                             advice="there are rollback, promote, abort, stop, start and delete")
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
