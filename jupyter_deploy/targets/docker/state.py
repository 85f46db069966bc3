"""How a deployment in containers is: from the registry, the supervisor and the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupyter_deploy.errors import DeployError
from jupyter_deploy.image.engine import connect
from jupyter_deploy.registry import Record, data_dir
from jupyter_deploy.targets.deployments import read_history
from jupyter_deploy.targets.docker.containers import Container, Containers
from jupyter_deploy.targets.local.listeners import build_url
from jupyter_deploy.targets.target import Status


def containers_of(record: Record | None) -> Sequence[str]:
    """Give the ids of the containers that are live."""
    found: list[str] = record.limits.get("containers", []) if record is not None else []
    return found


def describe_deployment(record: Record, held: dict[str, Any] | None) -> Status:
    """Tell how a deployment is; `held` is what the supervisor says of its address."""
    versions, events = read_history(record.name)
    answering = int(held["answering"]) if held else 0
    state, reason, details = "stopped", None, {"limits": record.limits, "api_key": record.api_key_digest is not None}
    warnings: tuple[str, ...] = ()
    if record.wanted == "live":
        found, reason = _look(record)
        warnings = _warn_of_memory(found)
        state = "live" if answering and reason is None else "failed" if reason else "starting"
        details |= {"pids": [one.pid for one in found], "restarts": sum(one.restarts for one in found)}
    return Status(record.name, record.target, state, build_url(record.host, record.port), record.version, answering,
                  record.workers, reason, versions, events, warnings, details=details)


def _look(record: Record) -> tuple[tuple[Container, ...], str | None]:
    """Look at the live containers; gives them, and why they cannot answer."""
    try:
        containers = Containers(connect(), data_dir())
        found = tuple(one for identity in containers_of(record) if (one := containers.find(identity)) is not None)
    except DeployError as error:
        return (), error.message
    if not found:
        return (), f"its containers are gone; nbdeploy start {record.name} makes new ones"
    ended = [one for one in found if one.state in ("exited", "dead")]
    return found, _say_why(ended[0], record.name) if len(ended) == len(found) else None


def _warn_of_memory(containers: Sequence[Container]) -> tuple[str, ...]:
    """Say what else only the number of restarts would tell."""
    # An engine remembers it of the last end, also once the container runs again.
    count = sum(one.restarts for one in containers if one.out_of_memory)
    times = "once" if count == 1 else f"{count} times"
    told = (f"it was started again {times}, the last time because it used more memory than its limit; "
            "--memory gives it more")
    return (told,) if count else ()


def _say_why(container: Container, name: str) -> str:
    if container.out_of_memory:
        return "its container used more memory than its limit; --memory gives it more"
    return f"its container ended with status {container.exit_code}; nbdeploy start {name} starts a new one"
