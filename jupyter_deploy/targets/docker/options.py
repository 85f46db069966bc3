"""How a deployment runs in containers, and what is refused before anything is built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from jupyter_deploy.errors import TargetError, UsageError
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.registry import Record, list_deployments, open_registry, registry_path
from jupyter_deploy.runtime.manifest import Manifest
from jupyter_deploy.targets.local.listeners import LOOPBACK, bind_listener, is_loopback
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.local.scaling import AUTO
from jupyter_deploy.targets.local.spec import Limits

GRACE_SECONDS = 20.0
"""How long a version that was replaced answers on the connections that its callers hold open."""


@dataclass(frozen=True)
class DockerOptions(LocalOptions):
    """How a deployment runs in containers; `workers` is the number of containers."""

    base: str | None = None
    """The image to build on; by default Python's own, slim."""
    memory: int | None = None
    """Bytes that one container may use; by default what its proof suggests."""
    cpus: float | None = None
    """Processors that one container may use; by default what its proof suggests."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        super().__post_init__()
        if self.mode is not None:
            raise UsageError(f"--{self.mode}: the target docker tries no version beside the live one",
                             advice="leave out --target docker, or deploy it plainly")
        if self.workers == AUTO or any(one is not None for one in (self.min, self.max, self.idle)):
            raise UsageError("the number of containers is fixed; only the local target changes it by itself",
                             where="--workers", advice="give --workers N, or leave out --target docker")

    @property
    def containers(self) -> int | None:
        """How many; None: as many as it had, at first one."""
        return None if self.workers is None else int(self.workers)

    @property
    def limits(self) -> Limits:
        """What a worker admits."""
        return Limits(self.max_body, self.max_queue, self.timeout)


def check_options(name: str, options: DockerOptions, known: Record | None) -> None:
    """Refuse what could not be applied; `known` is what the registry has under the name (raises `DeployError`)."""
    if known is not None and known.target != "docker":
        raise TargetError(f"{name!r} is a deployment of the target {known.target!r}",
                          advice=f"choose another --name, or delete that one: nbdeploy rm {name}")
    host = options.host or (known.host if known else LOOPBACK)
    if options.api_key is None and not is_loopback(host):
        raise UsageError(f"{host} can be reached from other machines, and there is no API key", where="--host",
                         advice="give one with --api-key, or listen on 127.0.0.1")
    if options.api_key is None and known is not None and known.api_key_digest:
        raise TargetError(f"the callers of {name!r} send an API key, and this deploy would remove it",
                          advice=f"give one with --api-key; to have none, first: nbdeploy rm {name}")
    _check_port(name, host, options.port, known)


def _check_port(name: str, host: str, port: int | None, known: Record | None) -> None:
    with closing(open_registry(registry_path())) as registry:
        owner = next((one.name for one in list_deployments(registry) if one.port == port and one.name != name), None)
    if owner is not None:
        raise TargetError(f"port {port} belongs to the deployment {owner!r}",
                          advice=f"choose another --port, or delete that one: nbdeploy rm {owner}")
    if port is not None and (known is None or known.port != port or known.host != host):
        bind_listener(host, port).close()


def check_local(engine: Engine) -> None:
    """Refuse an engine on another machine: callers come to this one (raises `TargetError`)."""
    if not engine.local:
        raise TargetError("the target docker runs containers on this machine, and the engine is on another",
                          where=engine.where, advice=(
                              "nbdeploy build makes and proves the image there, and docker run starts it there; "
                              "or choose an engine here, as with DOCKER_HOST=unix:///var/run/docker.sock"))


def find_variables(manifest: Manifest, given: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a container: what the service asks for, and no more (`UsageError` when it is not set)."""
    found = {key: os.environ[key] for key in manifest.environment if key in os.environ} | dict(given)
    if missing := [key for key in manifest.environment if key not in found]:
        raise UsageError(f"the service reads the environment variable {missing[0]}, which is not set",
                         advice=f"set os.environ[{missing[0]!r}] and deploy again")
    return found


def write_arguments(name: str, limits: Limits, digest: str | None, grips: Mapping[str, str] | None = None
                    ) -> tuple[str, ...]:
    """Give what follows `serve` on the command line of a container's runtime; `grips` as `known_grips` gives them."""
    drain = GRACE_SECONDS + limits.call_seconds
    given = {"--name": name, "--drain": drain, "--max-body": limits.max_body, "--max-queue": limits.max_queue,
             "--timeout": limits.timeout, "--api-key-digest": digest}
    words = [word for option, value in given.items() if value is not None for word in (option, str(value))]
    return (*words, *(word for entry, grip in sorted((grips or {}).items()) for word in ("--grip", f"{entry}={grip}")))
