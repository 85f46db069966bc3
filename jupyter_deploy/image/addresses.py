"""Where a container engine may listen."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_deploy.errors import ImageError

_NETWORK = ("tcp", "http", "https")
_SECONDS = 10
"""How long a machine may take to let itself be connected to."""


@dataclass(frozen=True)
class Address:
    """A place where an engine may listen."""

    host: str
    """Such as `unix:///var/run/docker.sock`, `tcp://build.example:2376`, `ssh://me@build.example`."""
    tls: Any = None
    """The SDK's settings of what proves who is who; None without."""

    @property
    def local(self) -> bool:
        """Whether ports of its containers can be reached on this machine's loopback address."""
        scheme, _, place = self.host.partition("://")
        host = urlsplit(f"//{place}").hostname if scheme in (*_NETWORK, "ssh") else "localhost"
        return host in ("localhost", "127.0.0.1", "::1")


def list_addresses() -> Iterator[Address]:
    """Name where an engine may listen: what the user chose and nothing else, or the usual places."""
    if chosen := _read_environment() or _read_context():
        yield chosen
        return
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    usual = "/var/run/docker.sock"
    others = [f"{runtime}/docker.sock", f"{Path.home()}/.docker/run/docker.sock", f"{runtime}/podman/podman.sock",
              "/run/podman/podman.sock"]
    yield Address(f"unix://{usual}")  # named even where there is none: it is what the user expects
    yield from (Address(f"unix://{path}") for path in others if Path(path).exists())


def _read_environment() -> Address | None:
    """Give the engine that `DOCKER_HOST` names, with the certificates that go with `DOCKER_TLS_VERIFY`."""
    host, verify = os.environ.get("DOCKER_HOST"), bool(os.environ.get("DOCKER_TLS_VERIFY"))
    if not host:
        return None
    if not (verify or os.environ.get("DOCKER_TLS")):
        return Address(host)
    folder = Path(os.environ.get("DOCKER_CERT_PATH") or _settings())
    tls = _read_certificates(folder, verify=verify)
    if tls is None:
        raise ImageError(f"there are no certificates for {host}", where=str(folder), advice=(
            "DOCKER_CERT_PATH names the folder that has ca.pem, cert.pem and key.pem"))
    return Address(host, tls)


def _read_context() -> Address | None:
    """Give the engine of the context that `DOCKER_CONTEXT` or `docker context use` chose; None for the usual one.

    The SDK would find no context beside a folder without `config.json`, nor certificates that are not all there.
    """
    folder = _settings()
    name, where = os.environ.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
    if not name:
        name, where = _read_json(folder / "config.json").get("currentContext"), str(folder / "config.json")
    if not name or name == "default":
        return None
    place = hashlib.sha256(name.encode()).hexdigest()
    endpoint = _read_json(folder / "contexts" / "meta" / place / "meta.json").get("Endpoints", {}).get("docker", {})
    if not endpoint.get("Host"):
        raise ImageError(f"there is no context {name!r}", where=where, advice="docker context ls lists them")
    return Address(endpoint["Host"], _read_certificates(folder / "contexts" / "tls" / place / "docker",
                                                        verify=not endpoint.get("SkipTLSVerify")))


def _settings() -> Path:
    """Give the folder of the `docker` command's settings."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _read_json(file: Path) -> dict[str, Any]:
    """Read an object; none from a file that is not there or cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _read_certificates(folder: Path, *, verify: bool) -> Any:
    """Give the SDK's settings of TLS with the certificates in a folder; None when there are none."""
    from docker.tls import TLSConfig

    authority, own, key = (str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    if not (Path(authority).exists() or Path(own).exists()):
        return None

    class Certificates(TLSConfig):  # type: ignore[misc]
        def configure_client(self, client: Any) -> None:
            super().configure_client(client)
            client.trust_env = False  # REQUESTS_CA_BUNDLE would take the place of the engine's own authority

    return Certificates(client_cert=(own, key) if Path(own).exists() else None,
                        ca_cert=authority if Path(authority).exists() else None, verify=verify)


def knock(address: Address) -> None:
    """See that something listens (raises `OSError`).

    The SDK leaves a socket open when nothing does, and waits for minutes for a machine that does not answer.
    """
    scheme, _, place = address.host.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_SECONDS)
            probe.connect(place)
    elif scheme in _NETWORK:
        parts = urlsplit(f"//{place}")
        port = parts.port or (2376 if address.tls else 2375)
        socket.create_connection((parts.hostname or "localhost", port), _SECONDS).close()
