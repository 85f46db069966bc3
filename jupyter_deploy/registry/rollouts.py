"""Versions that are tried beside a live one, as rows: what a supervisor that was killed leaves to the next."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_deploy.registry.database import Connection


@dataclass(frozen=True)
class RolloutRecord:
    """A version beside the live one; it has no number until it takes over."""

    deployment: str
    version: str
    bundle: str
    environment: dict[str, Any]
    mode: Literal["canary", "shadow"]
    share: float
    """Of the requests, from 0 to 1; of a shadow 1."""
    rules: dict[str, Any] = field(default_factory=dict)
    scale: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, Any] | None = None
    notebook: str | None = None
    begun: float = field(default_factory=time.time)


def save_rollout(connection: Connection, record: RolloutRecord) -> None:
    """Write down what is beside a deployment's live version; it has one at most."""
    with connection:
        connection.execute(
            "INSERT OR REPLACE INTO rollouts (deployment, version, bundle, environment, mode, share, rules, scale,"
            " limits, proof, notebook, begun) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (record.deployment, record.version, record.bundle, json.dumps(record.environment), record.mode,
             record.share, *map(json.dumps, (record.rules, record.scale, record.limits)),
             None if record.proof is None else json.dumps(record.proof), record.notebook, record.begun),
        )


def list_rollouts(connection: Connection) -> list[RolloutRecord]:
    """Give what is beside live versions, by the names of their deployments."""
    rows = connection.execute(
        "SELECT deployment, version, bundle, environment, mode, share, rules, scale, limits, proof, notebook, begun"
        " FROM rollouts ORDER BY deployment")
    return [
        RolloutRecord(deployment, version, bundle, json.loads(environment), mode, share, json.loads(rules),
                      json.loads(scale), json.loads(limits), None if proof is None else json.loads(proof),
                      notebook, begun)
        for deployment, version, bundle, environment, mode, share, rules, scale, limits, proof, notebook, begun in rows
    ]


def find_rollout(connection: Connection, deployment: str) -> RolloutRecord | None:
    """Give what is beside a deployment's live version, if anything is."""
    return next((record for record in list_rollouts(connection) if record.deployment == deployment), None)


def delete_rollout(connection: Connection, deployment: str) -> None:
    """Note that nothing is beside a deployment's live version any more."""
    with connection:
        connection.execute("DELETE FROM rollouts WHERE deployment = ?", (deployment,))
