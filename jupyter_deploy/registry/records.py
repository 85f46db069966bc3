"""Deployments, their versions and their events, as rows. No secrets are in them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_deploy.registry.database import Connection

EVENTS_KEPT = 1000


@dataclass(frozen=True)
class Record:
    """A named deployment as it should be."""

    name: str
    target: str
    host: str
    port: int
    workers: int
    version: str
    """The version that is, or when stopped was last, live."""
    wanted: Literal["live", "stopped"] = "live"
    limits: dict[str, Any] = field(default_factory=dict)
    api_key_digest: str | None = None
    created: float = field(default_factory=time.time)
    scale: dict[str, Any] = field(default_factory=dict)
    """Between which numbers of workers it moves; empty: always `workers`."""


@dataclass(frozen=True)
class VersionRecord:
    """A version of a deployment that has been live."""

    deployment: str
    version: str
    bundle: str
    """The bundle's folder."""
    environment: dict[str, Any]
    proof: dict[str, Any] | None = None
    notebook: str | None = None
    number: int = 0
    """1, 2, 3, ... in the order in which they went live; given by `add_version`."""
    previous: str | None = None
    """The version that it replaced: where a rollback leads."""
    deployed_at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Event:
    """Something that happened to a deployment."""

    deployment: str
    time: float
    kind: str
    text: str


def save_deployment(connection: Connection, record: Record) -> None:
    """Add `record`, or replace the one of the same name (which keeps its creation time)."""
    with connection:
        connection.execute(
            "INSERT INTO deployments (name, target, host, port, workers, limits, wanted, version, api_key_digest,"
            " created, scale) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET target = excluded.target,"
            " host = excluded.host, port = excluded.port, workers = excluded.workers, limits = excluded.limits,"
            " wanted = excluded.wanted, version = excluded.version, api_key_digest = excluded.api_key_digest,"
            " scale = excluded.scale",
            (record.name, record.target, record.host, record.port, record.workers, json.dumps(record.limits),
             record.wanted, record.version, record.api_key_digest, record.created, json.dumps(record.scale)),
        )


def find_deployment(connection: Connection, name: str) -> Record | None:
    """Give the deployment called `name`, if there is one."""
    return next((record for record in list_deployments(connection) if record.name == name), None)


def list_deployments(connection: Connection) -> list[Record]:
    """Give all deployments by name."""
    rows = connection.execute(
        "SELECT name, target, host, port, workers, version, wanted, limits, api_key_digest, created, scale"
        " FROM deployments ORDER BY name"
    )
    return [
        Record(name, target, host, port, workers, version, wanted, json.loads(limits), api_key_digest, created,
               json.loads(scale))
        for name, target, host, port, workers, version, wanted, limits, api_key_digest, created, scale in rows
    ]


def delete_deployment(connection: Connection, name: str) -> None:
    """Forget the deployment called `name` with its versions, events and samples."""
    with connection:
        connection.execute("DELETE FROM deployments WHERE name = ?", (name,))
        connection.execute("DELETE FROM events WHERE deployment = ?", (name,))
        connection.execute("DELETE FROM samples WHERE deployment = ?", (name,))


def add_version(connection: Connection, record: VersionRecord) -> None:
    """Add a version that went live, with the next number (`record.number` is not read).

    A version that was live before moves to the end; the newest one again keeps its number and what it replaced.
    """
    with connection:
        connection.execute(
            "INSERT INTO versions (deployment, version, number, previous, bundle, environment, proof, notebook,"
            " deployed_at) VALUES (?1, ?2, (SELECT COALESCE(MAX(number), 0) + 1 FROM versions WHERE deployment = ?1),"
            " ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (deployment, version) DO UPDATE SET"
            " number = CASE number WHEN excluded.number - 1 THEN number ELSE excluded.number END,"
            " previous = CASE excluded.previous WHEN version THEN previous ELSE excluded.previous END,"
            " bundle = excluded.bundle, environment = excluded.environment, proof = excluded.proof,"
            " notebook = excluded.notebook, deployed_at = excluded.deployed_at",
            (record.deployment, record.version, record.previous, record.bundle, json.dumps(record.environment),
             None if record.proof is None else json.dumps(record.proof), record.notebook, record.deployed_at),
        )


def find_version(connection: Connection, deployment: str, version: str) -> VersionRecord | None:
    """Give one version of a deployment, if it has it."""
    return next((item for item in list_versions(connection, deployment) if item.version == version), None)


def list_versions(connection: Connection, deployment: str) -> list[VersionRecord]:
    """Give the versions of a deployment, the newest number first."""
    rows = connection.execute(
        "SELECT deployment, version, bundle, environment, proof, notebook, number, previous, deployed_at"
        " FROM versions WHERE deployment = ? ORDER BY number DESC",
        (deployment,),
    )
    return [
        VersionRecord(deployment, version, bundle, json.loads(environment),
                      None if proof is None else json.loads(proof), notebook, number, previous, deployed_at)
        for deployment, version, bundle, environment, proof, notebook, number, previous, deployed_at in rows
    ]


def add_event(connection: Connection, event: Event) -> None:
    """Add an event; the oldest of a deployment go when it has more than `EVENTS_KEPT`."""
    with connection:
        connection.execute(
            "INSERT INTO events (deployment, time, kind, text) VALUES (?, ?, ?, ?)",
            (event.deployment, event.time, event.kind, event.text),
        )
        connection.execute(
            "DELETE FROM events WHERE deployment = ?1 AND id <= (SELECT id FROM events WHERE deployment = ?1"
            " ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (event.deployment, EVENTS_KEPT),
        )


def list_events(connection: Connection, deployment: str, limit: int = 100) -> list[Event]:
    """Give the last `limit` events of a deployment, the oldest first."""
    rows = connection.execute(
        "SELECT deployment, time, kind, text FROM events WHERE deployment = ? ORDER BY id DESC LIMIT ?",
        (deployment, limit),
    )
    return [Event(*row) for row in rows][::-1]
