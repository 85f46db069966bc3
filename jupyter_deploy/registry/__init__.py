"""What is deployed here, with its versions, events and samples: SQLite under Jupyter's data folder."""

from __future__ import annotations

from jupyter_deploy.registry.database import Connection, data_dir, explain_failure, open_registry, registry_path
from jupyter_deploy.registry.records import (
    Event,
    Record,
    VersionRecord,
    add_event,
    add_version,
    delete_deployment,
    find_deployment,
    find_version,
    list_deployments,
    list_events,
    list_versions,
    save_deployment,
)
from jupyter_deploy.registry.rollouts import (
    RolloutRecord,
    delete_rollout,
    find_rollout,
    list_rollouts,
    save_rollout,
)
from jupyter_deploy.registry.samples import add_sample, list_samples, roll_up

__all__ = [
    "Connection",
    "Event",
    "Record",
    "RolloutRecord",
    "VersionRecord",
    "add_event",
    "add_sample",
    "add_version",
    "data_dir",
    "delete_deployment",
    "delete_rollout",
    "explain_failure",
    "find_deployment",
    "find_rollout",
    "find_version",
    "list_deployments",
    "list_events",
    "list_rollouts",
    "list_samples",
    "list_versions",
    "open_registry",
    "registry_path",
    "roll_up",
    "save_deployment",
    "save_rollout",
]
