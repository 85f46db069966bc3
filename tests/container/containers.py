"""Containers for tests, run the way a platform runs them, through the `docker` command."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from jupyter_deploy.runtime.manifest import read_manifest


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def inspect(name: str, template: str) -> Any:
    return json.loads(docker("inspect", name, "--format", f"{{{{json {template}}}}}"))


def list_containers(bundle: Path) -> list[str]:
    """List the containers of a bundle's images, by the label that they have from it."""
    digest = sha256(read_manifest(bundle).dump()).hexdigest()
    return docker("ps", "--all", "--quiet", "--filter", f"label=nbdeploy.version={digest}").split()


@contextmanager
def running(image: str, *options: str, port: int = 8080, arguments: tuple[str, ...] = ()) -> Iterator[Container]:
    identity = docker("run", "--detach", "--publish", f"127.0.0.1::{port}", *options, image, *arguments)
    try:
        container = Container(identity, port)
        container.wait_until_ready()
        yield container
    finally:
        docker("rm", "--force", identity)


class Container:
    def __init__(self, identity: str, port: int) -> None:
        self.identity = identity
        self.port = int(docker("port", identity, f"{port}/tcp").rpartition(":")[2])

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        for _ in range(600):
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                assert docker("inspect", self.identity, "--format", "{{.State.Running}}") == "true", self.logs()
            time.sleep(0.1)
        raise AssertionError(self.logs())

    def logs(self) -> str:
        done = subprocess.run(["docker", "logs", self.identity], capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr
