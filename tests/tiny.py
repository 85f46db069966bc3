from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupyter_deploy.runtime
from jupyter_deploy.environment import Environment
from jupyter_deploy.registry import data_dir
from jupyter_deploy.runtime.manifest import Entry, GoldenCall, Hardware, Manifest, Parameter
from jupyter_deploy.targets.local.control import LOCK
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.local.target import LocalTarget
from jupyter_deploy.targets.target import Deployment

SERVICE = """\
import os
import time

VERSION = "{version}"

def answer(x: int) -> dict:
    return {{"version": VERSION, "x": x, "pid": os.getpid()}}

def wait(x: float) -> float:
    time.sleep(x)
    return x

def read(x: str) -> str:
    return os.environ.get(x, "")
"""

ENVIRONMENT = Environment("installed", sys.executable, (sysconfig.get_paths()["purelib"],))


def make_bundle(folder: Path, version: str, *, source: str = SERVICE, environment: tuple[str, ...] = (),
                hardware: Hardware | None = None, more: Mapping[str, str] | None = None,
                golden: Sequence[tuple[str, Any, Any]] = ()) -> Path:
    """Write a bundle as the packaging side does; `golden` has entries, requests and answers."""
    bundle = folder / version
    bundle.mkdir(parents=True)
    for name, text in (more or {}).items():
        (bundle / name).write_text(text)
    (bundle / "service.py").write_text(source.format(version=version))
    for number, (_, request, answer) in enumerate(golden):
        (bundle / "golden").mkdir(exist_ok=True)
        call = {"request": request, "answer": answer, "kind": type(answer).__name__}
        (bundle / "golden" / f"{number}.json").write_text(json.dumps(call))
    shutil.copytree(Path(jupyter_deploy.runtime.__file__).parent, bundle / "runtime",
                    ignore=shutil.ignore_patterns("__pycache__"))
    files = {
        str(path.relative_to(bundle)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(bundle.rglob("*")) if path.is_file()
    }
    types = {"answer": "int", "wait": "float", "read": "str"}
    entries = tuple(
        Entry(name, name, (Parameter("x", {"kind": kind}),), {"kind": "any"})
        for name, kind in types.items() if f"def {name}" in source
    )
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    manifest = Manifest("tiny", python, entries, environment=environment, hardware=hardware, files=files,
                        golden=tuple(GoldenCall(entry, f"golden/{number}.json", "cell 9")
                                     for number, (entry, _, _) in enumerate(golden)))
    (bundle / "bundle.json").write_bytes(manifest.dump())
    return bundle


@dataclass(frozen=True)
class Local:
    """The local target on a data folder of its own."""

    folder: Path
    target: LocalTarget

    def deploy(self, version: str, name: str = "tiny", **options: object) -> Deployment:
        bundle = self.folder / "bundles" / version
        if not bundle.exists():
            make_bundle(self.folder / "bundles", version)
        plan = self.target.plan(bundle, name=name, environment=ENVIRONMENT, options=LocalOptions(**options))
        return self.target.apply(plan, self.target.stage(plan), {"calls": 1, "equal": 1})

    def supervisor(self) -> int:
        return int(json.loads((data_dir() / LOCK).read_text())["pid"])


def processes(folder: Path) -> list[str]:
    """Find all processes whose command line names the folder."""
    found = subprocess.run(["ps", "-ww", "-e", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if str(folder) in line]


def wait_until(condition, seconds: float = 20.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        time.sleep(0.02)
    return found
