"""Logs of containers: the engine has those of the living, a file for each version those of the dead."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_deploy.targets.docker.containers import Container, Containers
from jupyter_deploy.targets.local.logs import read_log, rotate_logs

_KEPT_LINES = 10_000


def keep_log(containers: Containers, name: str, identity: str, data: Path) -> None:
    """Add what a container wrote to the log of its version."""
    found = containers.find(identity)
    folder = data / "logs" / name
    # Of a deployment that was deleted meanwhile nothing is kept.
    if found is None or not folder.is_dir():
        return
    lines = containers.logs(identity, _KEPT_LINES)
    with (folder / f"{found.version}.log").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    rotate_logs(folder)


def read_logs(containers: Containers, name: str, lines: int, data: Path) -> list[dict[str, Any]]:
    """Give the last log lines of all containers that a deployment has or had, in the order of their times."""
    folder = data / "logs" / name
    found = read_log(folder, lines) if folder.is_dir() else []
    for one in containers.find_all(name):
        found += _timed(containers.logs(one.id, lines), one)
    return sorted(found, key=lambda line: str(line["time"]))[-lines:] if lines else []


def _timed(lines: list[dict[str, Any]], container: Container) -> list[dict[str, Any]]:
    """Give what the service printed the time of the line before it."""
    last = ""
    for line in lines:
        last = line["time"] = str(line.get("time") or last)
        line.setdefault("version", container.version)
    return lines


def follow_logs(containers: Containers, name: str, live: str, lines: int, data: Path) -> Iterator[dict[str, Any]]:
    """Give the last lines, then those of the container `live` as they come, until it ends."""
    yield from read_logs(containers, name, lines, data)
    yield from containers.follow(live)


def remove_files(name: str, data: Path) -> None:
    """Delete the logs and figures of a deployment."""
    for folder in ("logs", "metrics"):
        shutil.rmtree(data / folder / name, ignore_errors=True)
