"""How fast a packaged service is: measured by one check at a time, and once more before it is held against anybody."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_deploy.check.calls import Caller, measure
from jupyter_deploy.environment import Environment
from jupyter_deploy.errors import DeployError
from jupyter_deploy.registry import data_dir
from jupyter_deploy.runtime.manifest import read_manifest
from jupyter_deploy.targets.target import build_options, find_target

_LOCK = "measuring.lock"
Figures = dict[str, dict[str, Any]]
"""By entry: `calls`, `p50` and `p95` in seconds."""


def measure_entries(caller: Caller, bundle: Path, seconds: float) -> Figures:
    """Measure each entry with its golden requests; not one that changes globals, nor one without a golden call."""
    manifest = read_manifest(bundle)
    figures = {}
    with _alone():
        for entry in manifest.entries:
            requests = [json.loads((bundle / call.file).read_bytes())["request"]
                        for call in manifest.golden if call.entry == entry.name]
            if requests and not entry.mutates:
                figures[entry.name] = dataclasses.asdict(measure(caller, entry.name, requests, seconds))
    return figures


def measure_again(service: Mapping[str, Any], seconds: float) -> Figures:
    """Serve a checked bundle once more and measure it, now that no notebook runs; gives nothing where that fails."""
    bundle = Path(service["bundle"])
    try:
        target = find_target(service["target"])
        plan = target.plan(bundle, name=service["name"], environment=Environment.parse(service["environment"]),
                           options=build_options(target, {}))
        candidate = target.stage(plan)
        try:
            with Caller(candidate.url) as caller:
                return measure_entries(caller, bundle, seconds)
        finally:
            target.discard(candidate)
    except DeployError:  # the first figures stand
        return {}


def measure_image(service: Mapping[str, Any]) -> dict[str, Any]:
    """Build and prove the container image of a checked bundle; gives its size, or why there is none."""
    from jupyter_deploy.image import build_image

    sys.stderr.write(f"building the image of {service['name']}\n")
    try:
        return {"image_size": build_image(Path(service["bundle"])).size}
    except DeployError as error:
        return {"image_error": str(error)}


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other check of this user measures: two that do would measure each other."""
    folder = data_dir() / "checks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
