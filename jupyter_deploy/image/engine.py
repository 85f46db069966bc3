"""The container engine: the one module that talks to Docker, or to podman through its compatible socket."""

from __future__ import annotations

import contextlib
import os
import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from jupyter_deploy.errors import ImageError

_MADE = re.compile(r"(?:---> |COMMIT )?([0-9a-f]{12,64})$")
_STEP = re.compile(r"Step (\d+)/(\d+) : (.+)")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""What engines call a machine, and what Python and wheels call it."""
_TIMEOUT = 600
"""Seconds that one answer of the engine may take."""


class Engine:
    """A connection to a container engine (raises `ImageError` when it refuses)."""

    def __init__(self, client: Any, where: str) -> None:
        self._client = client
        weakref.finalize(self, client.close)  # its sockets end with it
        self.where = where
        """The address of its socket."""

    @property
    def api(self) -> Any:
        """The SDK's own client of the engine's interface."""
        return self._client.api

    @property
    def machine(self) -> str:
        """What the engine's machine is: `x86_64`, `aarch64`."""
        architecture = str(self._client.version()["Arch"])
        return _MACHINES.get(architecture, architecture)

    @property
    def local(self) -> bool:
        """Whether its containers' ports can be reached on this machine's loopback address."""
        return not self.where.startswith(("tcp:", "ssh:", "http:", "https:"))

    def find(self, reference: str) -> dict[str, Any] | None:
        """Give what the engine knows about an image; None when it has none of that name or id."""
        import docker.errors

        with _explained(self, f"look for the image {reference}"):
            try:
                found: dict[str, Any] = self._client.api.inspect_image(reference)
            except docker.errors.ImageNotFound:
                return None
        return found

    def pull(self, reference: str, platform: str | None) -> dict[str, Any]:
        """Fetch an image from its registry."""
        with _explained(self, f"pull the base image {reference}",
                        f"docker pull {reference} says more; --base names another image"):
            name, tag = split_reference(reference)
            self._client.api.pull(name, tag=tag, platform=platform)
            found: dict[str, Any] = self._client.api.inspect_image(reference)
        return found

    def build(self, context: IO[bytes], *, network: bool, platform: str | None, say: Callable[[str], None]) -> str:
        """Build the Dockerfile in a tar archive and give the image's id; `say` is told each step."""
        log: list[str] = []
        ends: list[str] = []
        found = ""
        with _explained(self, "build the image"):
            answer = self._client.api.build(
                fileobj=context, custom_context=True, rm=True, forcerm=True, decode=True, platform=platform,
                network_mode=None if network else "none")
            for event in answer:
                if "error" in event:
                    raise _build_error(str(event["error"]), log)
                text = str(event.get("stream", "")).strip()
                if step := _STEP.match(text):
                    say(step.group(3))
                    if step.group(3).startswith("FROM ") and found:
                        ends.append(found)
                if text:
                    log.append(text)
                made = _MADE.match(text)
                found = event.get("aux", {}).get("ID", "") or (made.group(1) if made else found)
        for stage in ends:  # what was copied out of: it takes space, and is of no use any more
            self.remove_image(stage)
        return found

    def ask(self, image: str, command: list[str]) -> str:
        """Run a command in a container of its own, without a network, and give what it printed."""
        import docker.errors

        with _explained(self, f"run {command[0]} in the base image", "name a base image that has it with --base"):
            try:
                output: bytes = self._client.containers.run(
                    image, command[1:], entrypoint=command[0], remove=True, network_mode="none", read_only=True)
            except docker.errors.ContainerError as error:
                raise ImageError(f"{command[0]} failed in the base image: {error}") from error
        return output.decode()

    def run(self, image: str, *, name: str, environment: Mapping[str, str], port: int) -> str:
        """Start a container with `port` on a free loopback port, as a strict platform would; gives its id."""
        with _explained(self, "start the container"):
            container = self._client.containers.run(
                image, name=name, detach=True, environment=dict(environment),
                ports={f"{port}/tcp": ("127.0.0.1", None)}, read_only=True, cap_drop=["ALL"],
                security_opt=["no-new-privileges"], labels={"nbdeploy.proof": "1"})
        return str(container.id)

    def port(self, container: str, port: int) -> int | None:
        """Give the loopback port that a container's port is published on; None when it has ended."""
        with _explained(self, "look at the container"):
            found = self._client.api.inspect_container(container)
        if found["State"]["Status"] in ("exited", "dead"):
            return None
        ports = found["NetworkSettings"]["Ports"].get(f"{port}/tcp") or [{}]
        return int(ports[0].get("HostPort", 0))

    def logs(self, container: str) -> str:
        """Give what a container wrote."""
        with _explained(self, "read the container's log"):
            return bytes(self._client.api.logs(container, tail=200)).decode("utf-8", "replace")

    def remove_container(self, container: str) -> None:
        """End a container at once and take it away; one that is gone is no error."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), _explained(self, "remove the container"):
            self._client.api.remove_container(container, force=True, v=True)

    def tag(self, image: str, reference: str) -> None:
        """Give an image a name."""
        name, tag = split_reference(reference)
        with _explained(self, f"tag the image {reference}"):
            self._client.api.tag(image, name, tag)

    def remove_image(self, image: str) -> None:
        """Delete an image that nothing else uses."""
        import docker.errors

        with contextlib.suppress(docker.errors.APIError):
            self._client.api.remove_image(image)

    def sizes(self, image: str) -> list[int]:
        """Give the bytes of each layer, the lowest first; empty ones, which only set something, are left out."""
        with _explained(self, "look at the image"):
            return [int(one["Size"]) for one in reversed(self._client.api.history(image)) if one["Size"]]

    def push(self, reference: str, say: Callable[[str], None]) -> None:
        """Push an image with the login that the user has for its registry."""
        name, tag = split_reference(reference)
        with _explained(self, f"push {reference}", "docker login REGISTRY, or another name with --tag"):
            for event in self._client.api.push(name, tag=tag, stream=True, decode=True):
                if "error" in event:
                    raise ImageError(f"the registry refused {reference}: {event['error']}",
                                     advice="docker login REGISTRY, or name another place with --tag REGISTRY/NAME:TAG")
                if event.get("status") == "Pushed":
                    say(f"pushed layer {event.get('id', '')}")


def connect() -> Engine:
    """Connect to the engine that the user has.

    `DOCKER_HOST` is asked first, then the current context of the `docker` command, then the sockets where Docker,
    rootless Docker and podman listen.

    Raises
    ------
    ImageError
        When none answers, saying of each why.

    """
    try:
        import docker
        import docker.errors
    except ImportError as error:
        raise ImageError("building an image takes the Docker SDK for Python, which is not installed",
                         advice="install it with: pip install 'nbdeploy[docker]'") from error
    refused = []
    for address in _addresses():
        try:
            client = docker.DockerClient(base_url=address, timeout=_TIMEOUT, version="auto")
            client.ping()
        except (docker.errors.DockerException, OSError, ValueError) as error:
            refused.append(f"{address}: {_reason(error)}")
        else:
            return Engine(client, address)
    advice = "start Docker or podman; DOCKER_HOST names an engine elsewhere"
    if any("permission" in one for one in refused):
        advice = ("add yourself to the group docker (sudo usermod -aG docker $USER, then log in again), "
                  "or use rootless Docker")
    raise ImageError("no container engine answers: " + "; ".join(refused), advice=advice)


def _addresses() -> Iterator[str]:
    if os.environ.get("DOCKER_HOST"):
        yield os.environ["DOCKER_HOST"]
        return
    seen = set()
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    sockets = ["/var/run/docker.sock", f"{runtime}/docker.sock", f"{Path.home()}/.docker/run/docker.sock",
               f"{runtime}/podman/podman.sock", "/run/podman/podman.sock"]
    for number, address in enumerate([_context(), *[f"unix://{one}" for one in sockets]]):
        path = Path(str(address).removeprefix("unix://"))
        # The first socket is named even where there is none: it is what the user expects.
        if address and address not in seen and (number < 2 or path.exists()):
            seen.add(address)
            yield address


def _context() -> str | None:
    """Give the address of the context that `docker context use` chose."""
    from docker.context import ContextAPI

    try:
        context = ContextAPI.get_current_context()
    except Exception:  # noqa: BLE001 - a context file that cannot be read is one that nobody chose
        return None
    return str(context.Host).replace("http+unix://", "unix://") if context and context.Host else None


def _reason(error: BaseException) -> str:
    text = str(error)
    if "FileNotFoundError" in text or "No such file" in text:
        return "nothing listens there"
    if "PermissionError" in text or "Permission denied" in text:
        return "no permission to use it"
    if "ConnectionRefused" in text or "Connection refused" in text:
        return "connection refused"
    return text.splitlines()[0][:200] if text else type(error).__name__


@contextlib.contextmanager
def _explained(engine: Engine, doing: str, advice: str | None = None) -> Iterator[None]:
    """Turn what the SDK raises into a sentence."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.NotFound:
        raise
    except docker.errors.APIError as error:
        raise _engine_error(f"the engine could not {doing}: {error.explanation or error}", advice) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise ImageError(f"the engine could not {doing}: {_reason(error)}", where=engine.where,
                         advice=advice) from error


def _engine_error(message: str, advice: str | None) -> ImageError:
    if "no space left on device" in message:
        advice = "its disk is full: docker system df shows what takes the space, docker system prune frees it"
    return ImageError(message, advice=advice)


def _build_error(message: str, log: list[str]) -> ImageError:
    own = [line.removeprefix("nbdeploy: ") for line in log if line.startswith("nbdeploy: ")]
    if own:
        return ImageError(f"the image cannot be built: {own[-1]}")
    return _engine_error("\n".join([f"the image cannot be built: {message}", *log[-12:]]), None)


def split_reference(reference: str) -> tuple[str, str]:
    """Split `registry:5000/name:tag` into name and tag; without one, the tag is `latest`."""
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "latest")
