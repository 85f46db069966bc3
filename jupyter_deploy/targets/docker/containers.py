"""The containers of deployments: started as strictly as any platform would, watched and taken away."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
import secrets
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import ServiceError, TargetError
from jupyter_deploy.image.engine import ALL_GPUS, WRITABLE, Engine
from jupyter_deploy.image.refusals import explained
from jupyter_deploy.targets.docker.share import Share

PORT = 8080
"""Where a service listens in its container."""
_FIRST_PORT, _LAST_PORT = 18100, 19099
"""Private ports on this machine, below those that the system gives to outgoing connections: a container that is
restarted finds its own free."""
_LOST = re.compile("port is already allocated|address already in use", re.IGNORECASE)
"""What engines say of a port that was free when it was chosen."""
_DEPLOYMENT, _VERSION, _OWNER = "nbdeploy.deployment", "nbdeploy.version", "nbdeploy.owner"
_LOG = {"max-size": "16m", "max-file": "2"}
READY_SECONDS = 300.0
_STEP_SECONDS = 0.05
_BEGINNING = 200
"""Lines of its log that a service may have written when it is ready."""

Line = dict[str, Any]
_explained = partial(explained, kind=TargetError, missing=True)


@dataclass(frozen=True)
class Spec:
    """What the containers of one version run."""

    name: str
    version: str
    image: str
    arguments: tuple[str, ...] = ()
    """What follows `serve` on the command line of the runtime."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    gpus: bool = False


@dataclass(frozen=True)
class Container:
    """A container of a deployment."""

    id: str
    version: str
    state: str
    """As the engine calls it: `running`, `restarting`, `exited`."""
    port: int | None
    """The private port on this machine; None while it has none."""
    pid: int
    """Its first process as this machine numbers it; 0 when it does not run."""
    restarts: int
    out_of_memory: bool = False
    exit_code: int = 0
    healthy: bool = False
    """Whether the engine has asked the service in the container, and it was ready; that takes some seconds."""


class Containers:
    """The containers that this user's deployments have in an engine."""

    def __init__(self, engine: Engine, data: Path) -> None:
        self._api = engine.api
        self._engine = engine
        self._owner = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]

    def start(self, spec: Spec, share: Share | None = None) -> Container:
        """Start a container of a version and wait until it is ready.

        Raises
        ------
        ServiceError
            When the service does not start; the container is gone then.
        TargetError
            When the engine refuses to run it.

        """
        taken = self._taken()
        while True:
            port = _find_port(taken)
            identity = self._create(spec, share, port)
            try:
                with _explained(f"start a container of {spec.name}", gpus=spec.gpus):
                    self._api.start(identity)
                return self._wait(identity, spec)
            except BaseException as error:
                self.remove(identity)
                if not isinstance(error, TargetError) or not _LOST.search(error.message):
                    raise
                taken.add(port)  # somebody else took it meanwhile: the next one

    def start_all(self, spec: Spec, number: int, share: Share | None = None) -> tuple[Container, ...]:
        """Start some containers of a version; when one does not start, none is left."""
        started: list[Container] = []
        try:
            while len(started) < number:
                started.append(self.start(spec, share))
        except BaseException:
            self.remove_all(one.id for one in started)
            raise
        return tuple(started)

    def _create(self, spec: Spec, share: Share | None, port: int) -> str:
        labels = {_DEPLOYMENT: spec.name, _VERSION: spec.version, _OWNER: self._owner}
        host = {
            "port_bindings": {PORT: ("127.0.0.1", port)}, "read_only": True, "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"], "tmpfs": WRITABLE,
            "log_config": {"Type": "json-file", "Config": _LOG}, "init": False, **(share.dump() if share else {}),
        }
        if spec.gpus:
            host["device_requests"] = ALL_GPUS
        with _explained(f"create a container of {spec.name}", gpus=spec.gpus):
            made = self._api.create_container(
                spec.image, name=f"nbdeploy-{spec.name}-{spec.version}-{secrets.token_hex(3)}",
                command=["serve", *spec.arguments], environment=dict(spec.variables), labels=labels, ports=[PORT],
                host_config=self._api.create_host_config(**host))
        return str(made["Id"])

    def _taken(self) -> set[int]:
        # Also of those that are down, whoever's: they want their port again, and until then callers are sent there.
        return {one.port for one in self.find_all(anybodys=True) if one.port is not None}

    def _wait(self, identity: str, spec: Spec) -> Container:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            found = self.find(identity)
            if found is None or found.state in ("exited", "dead"):
                break
            if found.port is not None and is_ready(found.port):
                return found
            if found.healthy:
                raise TargetError("the service is ready in its container, and its port cannot be reached from here",
                                  where=f"127.0.0.1:{found.port}", advice=(
                                      "in a container, nbdeploy needs the network of the engine's machine "
                                      "(docker run --network host) for this target; nbdeploy build does without"))
            time.sleep(_STEP_SECONDS)
        raise self._failure(identity, spec)

    def _failure(self, identity: str, spec: Spec) -> ServiceError:
        found = self.find(identity)
        told = [str(line.get("message", "")) for line in self.logs(identity, 20)]
        why = "was ended, because it used more memory than its limit" if found and found.out_of_memory else (
            f"ended with status {found.exit_code}" if found and found.state == "exited" else "was not ready in time")
        last = told[-1] if told else "it wrote nothing"
        return ServiceError(f"the container of version {spec.version} {why}: {last}",
                            advice="\n    ".join(["its log ends with:", *told]) if told else None)

    def find(self, identity: str) -> Container | None:
        """Look at a container; None when it is gone."""
        import docker.errors

        try:
            with _explained("look at a container"):
                raw = self._api.inspect_container(identity)
        except docker.errors.NotFound:
            return None
        return _read(raw)

    def find_all(self, name: str | None = None, *, anybodys: bool = False) -> tuple[Container, ...]:
        """Find the containers of a deployment, or of all: this user's, or those of everybody at this engine."""
        labels = [f"{_DEPLOYMENT}={name}" if name else _DEPLOYMENT, *([] if anybodys else [f"{_OWNER}={self._owner}"])]
        with _explained("list the containers"):
            found = self._api.containers(all=True, filters={"label": labels})
        seen = (self.find(one["Id"]) for one in found)
        return tuple(one for one in seen if one is not None)

    def keep(self, spec: Spec, started: Sequence[Container], share: Share) -> tuple[Container, ...]:
        """Limit the containers to their share; an engine that cannot change containers gets others in their place."""
        if all(self._update(one.id, **share.dump()) for one in started):
            return tuple(started)
        others = self.start_all(spec, len(started), share)
        self.remove_all(one.id for one in started)
        return others

    def _update(self, identity: str, **settings: Any) -> bool:
        """Change a container; False where the engine cannot, as podman before its version 5."""
        import docker.errors

        try:
            with _explained("limit a container"):
                self._api.update_container(identity, **settings)
        except docker.errors.NotFound:
            if self.find(identity) is None:
                raise
            return False
        return True

    def drain(self, identity: str, seconds: float) -> None:
        """Have a container end when what it accepted is answered, after `seconds` at most, and not be restarted."""
        import docker.errors

        # One that has ended, or is gone, has nothing to finish.
        with contextlib.suppress(docker.errors.NotFound, TargetError), _explained("end a container"):
            if self._update(identity, restart_policy={"Name": "no"}):
                self._api.kill(identity, "SIGTERM")
            else:
                self._api.stop(identity, timeout=int(seconds))

    def wait(self, identity: str, seconds: float) -> None:
        """Wait until a container has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self.find(identity)
            if found is None or found.state in ("exited", "dead"):
                return
            time.sleep(_STEP_SECONDS)

    def remove(self, identity: str) -> None:
        """End a container now and take it away."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), _explained("remove a container"):
            self._api.remove_container(identity, force=True, v=True)

    def remove_all(self, identities: Iterable[str]) -> None:
        """End containers now and take them away."""
        for identity in identities:
            self.remove(identity)

    def logs(self, identity: str, lines: int) -> list[Line]:
        """Give the last log lines of a container, parsed; none of one that is gone."""
        import docker.errors

        try:
            with _explained("read a container's log"):
                data = self._api.logs(identity, tail=lines)
        except docker.errors.NotFound:
            return []
        return [parse_line(text) for text in data.decode("utf-8", "replace").splitlines()]

    def read_conduct(self, identity: str) -> dict[str, Any]:
        """Give what a container that is ready found out about its entries: it stands in its log."""
        return next((line["conduct"] for line in self.logs(identity, _BEGINNING) if "conduct" in line), {})

    def follow(self, identity: str) -> Iterator[Line]:
        """Give the log lines of a container that are still to come, as they come, until it ends."""
        rest = ""
        for block in self._api.logs(identity, stream=True, follow=True, tail=0):
            *complete, rest = (rest + block.decode("utf-8", "replace")).split("\n")
            yield from (parse_line(text) for text in complete)


def parse_line(text: str) -> Line:
    """Read a line of a log: a JSON object, or something that the service printed."""
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {"time": "", "level": "print", "message": text}


def is_ready(port: int) -> bool:
    """Ask the service on a private port whether it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_ours(pid: int) -> bool:
    """Whether a process id that the engine names is a service on this machine, and not one in a virtual machine."""
    try:
        return b"/service/runtime/" in Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return False


def _read(raw: Mapping[str, Any]) -> Container:
    state, labels = raw["State"], raw["Config"]["Labels"]
    bound: Sequence[Mapping[str, str]] = (raw["HostConfig"].get("PortBindings") or {}).get(f"{PORT}/tcp") or []
    return Container(str(raw["Id"]), labels[_VERSION], state["Status"], int(bound[0]["HostPort"]) if bound else None,
                     int(state.get("Pid", 0)), int(raw.get("RestartCount", 0)), bool(state.get("OOMKilled")),
                     int(state.get("ExitCode", 0)), (state.get("Health") or {}).get("Status") == "healthy")


def _find_port(taken: Collection[int]) -> int:
    for port in range(_FIRST_PORT, _LAST_PORT + 1):
        with socket.socket() as sock:
            if port not in taken and sock.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise TargetError(f"no private port from {_FIRST_PORT} to {_LAST_PORT} is free on this machine")
