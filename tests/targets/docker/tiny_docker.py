"""The target `docker` on a data folder of a test's own, with a real engine and the tiny service."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine
from tiny import SERVICE, make_bundle

from jupyter_deploy.environment import Environment
from jupyter_deploy.image.engine import connect
from jupyter_deploy.registry import data_dir
from jupyter_deploy.requirements import resolve, write_lock
from jupyter_deploy.runtime.manifest import Hardware, read_manifest
from jupyter_deploy.targets.docker.containers import Containers
from jupyter_deploy.targets.docker.options import DockerOptions
from jupyter_deploy.targets.docker.target import DockerTarget
from jupyter_deploy.targets.target import Candidate, Deployment, Plan

ENVIRONMENT = Environment("installed", "python3", ())
USAGE = {"calls": 1, "seconds": 0.1, "cpu": 0.01, "peak": 60 << 20}


@dataclass(frozen=True)
class Docker:
    """The target on a data folder of its own, with a real engine."""

    folder: Path
    target: DockerTarget = field(default_factory=DockerTarget)

    def plan(self, version: str, name: str = "tiny", *, hardware: Hardware | None = None, source: str = SERVICE,
             golden: Sequence[tuple[str, Any, Any]] = (), **options: object) -> Plan:
        bundle = self.folder / "bundles" / version
        if not bundle.exists():
            # Its images are its own: those of a test that runs beside it come and go meanwhile.
            more = {"requirements.lock": write_lock(resolve({})), "README.md": f"tiny in {self.folder}\n"}
            make_bundle(self.folder / "bundles", version, source=source, hardware=hardware, more=more,
                        golden=golden)
        return self.target.plan(bundle, name=name, environment=ENVIRONMENT,
                                options=DockerOptions(**{"base": engine.BASE, **options}))

    def stage(self, version: str, **options: object) -> Candidate:
        return self.target.stage(self.plan(version, **options))

    def deploy(self, version: str, name: str = "tiny", **options: object) -> Deployment:
        plan = self.plan(version, name, **options)
        return self.target.apply(plan, self.target.stage(plan), {"calls": 0, "equal": 0, "usage": USAGE})

    def images(self) -> list[str]:
        """References of the images that this test may have made."""
        manifests = (read_manifest(path.parent) for path in self.folder.glob("bundles/*/bundle.json"))
        return [f"{one.name}:{one.version}" for one in manifests]

    def containers(self) -> list[str]:
        """Ids of all containers of this test's deployments, also of those that have ended."""
        return [one.id for one in Containers(connect(), data_dir()).find_all()]


def inspect(container: str, template: str) -> str:
    return subprocess.run(["docker", "inspect", "-f", template, container], capture_output=True, text=True, check=True,
                          timeout=60).stdout.strip()
