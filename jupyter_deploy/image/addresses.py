"""Where a container engine may listen."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from jupyter_deploy.errors import ImageError


def list_addresses() -> Iterator[str]:
    """Name where an engine may listen: what the user chose and nothing else, or the usual places."""
    if chosen := os.environ.get("DOCKER_HOST") or _find_context():
        yield chosen
        return
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    usual = "/var/run/docker.sock"
    others = [f"{runtime}/docker.sock", f"{Path.home()}/.docker/run/docker.sock", f"{runtime}/podman/podman.sock",
              "/run/podman/podman.sock"]
    yield f"unix://{usual}"  # named even where there is none: it is what the user expects
    yield from (f"unix://{path}" for path in others if Path(path).exists())


def _find_context() -> str | None:
    """Give the address of the context that `DOCKER_CONTEXT` or `docker context use` chose; None for the usual one."""
    from docker.context import ContextAPI

    name = os.environ.get("DOCKER_CONTEXT")
    try:
        context = ContextAPI.get_context(name)
    except Exception:  # noqa: BLE001 - a context file that cannot be read is one that nobody chose
        context = None
    if context is None and name:
        raise ImageError(f"there is no context {name!r}", where="DOCKER_CONTEXT", advice="docker context ls lists them")
    if context is None or context.Name == "default" or not context.Host:
        return None
    return str(context.Host).replace("http+unix://", "unix://")


def knock(address: str, seconds: float) -> None:
    """See that something listens (raises `OSError`): the SDK leaves a socket open when nothing does."""
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(seconds)
            probe.connect(address.removeprefix("unix://"))
