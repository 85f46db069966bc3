"""The container engine: the one module that talks to Docker, or to podman through its compatible socket."""

from __future__ import annotations

import contextlib
import re
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cached_property
from typing import IO, Any

from jupyter_deploy.errors import ImageError
from jupyter_deploy.image.addresses import Address, knock, list_addresses
from jupyter_deploy.image.building import BuildLog
from jupyter_deploy.image.connection import ContainerConnection
from jupyter_deploy.image.refusals import explain_push, explained, name_reason
from jupyter_deploy.image.tunnel import tunnel
from jupyter_deploy.runtime.manifest import Manifest

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""What engines call a machine, and what Python and wheels call it."""
ALL_GPUS = [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]
"""What a container is created with that gets the engine's GPUs."""
WRITABLE = {"/tmp": ""}  # noqa: S108 - inside the container
"""What a container may write, which is gone when it ends: libraries ask for a place for temporary files at import."""
_LIMITS = {"memory": "MemoryLimit", "cpus": "CpuCfsQuota"}
"""Where an engine says whether it can limit something."""
_TIMEOUT = 600
"""Seconds that one answer of the engine may take."""


class Engine:
    """A connection to a container engine (raises `ImageError` when it refuses)."""

    def __init__(self, client: Any, address: Address, end: Callable[[], None]) -> None:
        self._client = client
        weakref.finalize(self, end)  # the way to it ends with it
        self.where = address.host
        self.local = address.local
        """Whether its containers' ports can be reached on this machine's loopback address."""

    @property
    def api(self) -> Any:
        """The SDK's own client of the engine's interface."""
        return self._client.api

    @property
    def machine(self) -> str:
        """What the engine's machine is: `x86_64`, `aarch64`."""
        architecture = str(self._client.version()["Arch"])
        return _MACHINES.get(architecture, architecture)

    @cached_property
    def limited(self) -> frozenset[str]:
        """What it can limit for a container, of `memory` and `cpus`: a rootless engine often neither."""
        with explained("say what it can do", where=self.where):
            told = self._client.api.info()
        return frozenset(key for key, name in _LIMITS.items() if told.get(name, True))

    def find(self, reference: str) -> dict[str, Any] | None:
        """Give what the engine knows about an image; None when it has none of that name or id."""
        import docker.errors

        with explained(f"look for the image {reference}", where=self.where, missing=True):
            try:
                found: dict[str, Any] = self._client.api.inspect_image(reference)
            except docker.errors.ImageNotFound:
                return None
        return found

    def pull(self, reference: str, platform: str | None) -> dict[str, Any]:
        """Fetch an image from its registry."""
        with explained(f"pull the base image {reference}", where=self.where,
                       advice=f"docker pull {reference} says more; without a network, take an image with Python that "
                              "docker images lists: --base IMAGE"):
            name, tag = split_reference(reference)
            self._client.api.pull(name, tag=tag, platform=platform)
            found: dict[str, Any] = self._client.api.inspect_image(reference)
        return found

    def build(self, context: IO[bytes], *, network: bool, platform: str | None, say: Callable[[str], None]) -> str:
        """Build the Dockerfile in a tar archive and give the image's id; `say` is told each step."""
        log = BuildLog(say)
        try:
            with explained("build the image", where=self.where):
                log.read(self._client.api.build(
                    fileobj=context, custom_context=True, rm=True, forcerm=True, decode=True, platform=platform,
                    network_mode=None if network else "none"))
        except BaseException:
            for made in reversed(log.made):
                self.remove_unnamed(made)
            raise
        for stage in log.stages:  # what was copied out of: it takes space, and is of no use any more
            self.remove_unnamed(stage)
        return log.image

    def ask(self, image: str, command: list[str], *, gpus: bool = False) -> str:
        """Run a command in a container of its own, without a network, and give what it printed."""
        api = self._client.api
        with explained(f"run {command[0]} in the base image", where=self.where, gpus=gpus,
                       advice="name a base image that has it with --base"):
            container = api.create_container(
                image, command[1:], entrypoint=command[:1], host_config=api.create_host_config(
                    network_mode="none", read_only=True, device_requests=ALL_GPUS if gpus else None))["Id"]
            try:
                api.start(container)
                status = api.wait(container)["StatusCode"]
                output, errors = (api.logs(container, stdout=one, stderr=not one) for one in (True, False))
            finally:
                self.remove_container(container)
        if status != 0:
            raise ImageError(f"{command[0]} failed in the base image: {errors.decode(errors='replace').strip()}")
        return bytes(output).decode()

    def run(self, image: str, *, name: str, environment: Mapping[str, str], gpus: bool = False) -> str:
        """Start a container as a strict platform would, with no port published; gives its id."""
        with explained("start the container", where=self.where, gpus=gpus):
            container = self._client.containers.run(
                image, name=name, detach=True, environment=dict(environment), read_only=True, cap_drop=["ALL"],
                security_opt=["no-new-privileges"], tmpfs=WRITABLE, labels={"nbdeploy.proof": "1"},
                device_requests=ALL_GPUS if gpus else None)
        return str(container.id)

    def dial(self, container: str, port: int, *, timeout: float) -> ContainerConnection:
        """Connect to a port of a container through the engine; an answer may take `timeout` seconds."""
        return ContainerConnection(self._client.api, container, port, timeout=timeout)

    def wants_gpus(self, manifest: Manifest) -> bool:
        """Whether containers of a service get GPUs: it needs them, or can use them and the engine can give them."""
        gpu = manifest.hardware.gpu if manifest.hardware is not None else "none"
        if gpu == "usable":
            with explained("say what it can do", where=self.where):
                return "nvidia" in self._client.api.info().get("Runtimes", {})
        return gpu == "needed"

    def has_ended(self, container: str) -> bool:
        """Whether a container runs no more."""
        with explained("look at the container", where=self.where):
            return self._client.api.inspect_container(container)["State"]["Status"] in ("exited", "dead")

    def logs(self, container: str) -> str:
        """Give what a container wrote."""
        with explained("read the container's log", where=self.where):
            return bytes(self._client.api.logs(container, tail=200)).decode("utf-8", "replace")

    def remove_container(self, container: str) -> None:
        """End a container at once and take it away; one that is gone is no error."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), explained("remove the container", missing=True):
            self._client.api.remove_container(container, force=True, v=True)

    def tag(self, image: str, reference: str) -> None:
        """Give an image a name."""
        name, tag = split_reference(reference)
        with explained(f"tag the image {reference}", where=self.where):
            self._client.api.tag(image, name, tag)

    def remove_image(self, reference: str) -> None:
        """Take a name from an image, and delete the image if nothing else uses it."""
        import docker.errors

        with contextlib.suppress(docker.errors.APIError):
            self._client.api.remove_image(reference)

    def remove_unnamed(self, image: str) -> None:
        """Delete an image that has no name and that nothing else uses."""
        found = self.find(image)
        if found is not None and not found.get("RepoTags"):
            self.remove_image(image)

    def forget(self, image: str) -> None:
        """Delete an image that nbdeploy built and nothing else uses; one that its owner named otherwise keeps that."""
        found = self.find(image)
        if found is None:
            return
        labels = found.get("Config", {}).get("Labels") or {}
        ours = ":".join(labels.get(f"org.opencontainers.image.{key}", "") for key in ("title", "version"))
        for name in {ours, f"docker.io/library/{ours}", f"localhost/{ours}"} & set(found.get("RepoTags") or ()):
            self.remove_image(name)  # podman writes a name in full
        self.remove_unnamed(image)

    def list_names(self, name: str) -> dict[str, float]:
        """Give the references `name:...`, and when each was last given, in seconds since 1970."""
        with explained("list the images", where=self.where):
            images = self._client.api.images(name)
        names = [one for image in images for one in image["RepoTags"] or () if one.startswith(f"{name}:")]
        return {one: _read_time(found) for one in names if (found := self.find(one)) is not None}

    def sizes(self, image: str) -> list[int]:
        """Give the bytes of each layer, the lowest first; empty ones, which only set something, are left out."""
        with explained("look at the image", where=self.where):
            return [int(one["Size"]) for one in reversed(self._client.api.history(image)) if one["Size"]]

    def push(self, reference: str, say: Callable[[str], None]) -> None:
        """Push an image with the login that the user has for its registry."""
        name, tag = split_reference(reference)
        with explained(f"push {reference}", where=self.where,
                       advice="docker login REGISTRY, or another name with --tag"):
            for event in self._client.api.push(name, tag=tag, stream=True, decode=True):
                if "error" in event:
                    raise explain_push(reference, str(event["error"]))
                if event.get("status") == "Pushed":
                    say(f"pushed layer {event.get('id', '')}")


def connect() -> Engine:
    """Connect to the engine that the user has.

    `DOCKER_HOST` or the context of the `docker` command says which one; else the sockets are asked where Docker,
    rootless Docker and podman listen.

    Raises
    ------
    ImageError
        When none answers, saying of each why.

    """
    try:
        from docker.errors import DockerException
    except ImportError as error:
        raise ImageError("building an image takes the Docker SDK for Python, which is not installed",
                         advice="install it with: pip install 'nbdeploy[docker]'") from error
    refused = []
    advice = "start Docker or podman; DOCKER_HOST names an engine elsewhere"
    for address in list_addresses():
        try:
            return _open(address)
        except (DockerException, OSError, ValueError) as error:
            refused.append(f"{address.host}: {name_reason(error)}")
        if not address.local:
            advice = f"docker --host {address.host} version says whether it answers that"
    if any("permission to use" in one for one in refused):
        advice = ("add yourself to the group docker (sudo usermod -aG docker $USER, then log in again), "
                  "or use rootless Docker")
    raise ImageError("no container engine answers: " + "; ".join(refused), advice=advice)


def _open(address: Address) -> Engine:
    import docker

    with contextlib.ExitStack() as ends:
        knock(address)
        host = ends.enter_context(tunnel(address.host)) if address.host.startswith("ssh://") else address.host
        client = docker.DockerClient(base_url=host, tls=address.tls or False, timeout=_TIMEOUT, version="auto")
        ends.callback(client.close)
        client.ping()
        return Engine(client, address, ends.pop_all().close)


def _read_time(found: Mapping[str, Any]) -> float:
    """Read when an image was last named; an engine that does not say so says when it was made."""
    named = str(found.get("Metadata", {}).get("LastTagTime", "0001"))
    text = str(found.get("Created", "")) if named.startswith("0001") else named
    moment = datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc).timestamp()
    zone = re.search(r"([+-])(\d\d):(\d\d)$", text)
    shift = 0 if zone is None else int(f"{zone[1]}1") * (int(zone[2]) * 3600 + int(zone[3]) * 60)
    return moment - shift


def split_reference(reference: str) -> tuple[str, str]:
    """Split `registry:5000/name:tag` or `name@sha256:...` into name and tag; without one, the tag is `latest`."""
    name, at, digest = reference.partition("@")
    if at:
        return name, digest  # which is what the engine takes in a tag's place
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "latest")
