"""The workers' log files: one for each version of a deployment, JSON lines, bounded in size."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIMIT = 16 << 20
"""Bytes of a log file; what was before goes to one older file of the same size."""
VERSIONS_KEPT = 10
_FOLLOW_SECONDS = 0.2
_BLOCK = 1 << 18
_TAIL_BYTES = 16384
_TAIL_LINES = 20

Line = dict[str, Any]


def rotate_logs(folder: Path) -> None:
    """Keep a deployment's logs bounded: the size of each, and of how many versions.

    The workers hold their file open for appending, so it is copied and emptied, not renamed.
    """
    logs = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in logs[:-VERSIONS_KEPT]:
        path.unlink()
        path.with_suffix(".older").unlink(missing_ok=True)
    for path in logs[-VERSIONS_KEPT:]:
        if path.stat().st_size > LIMIT:
            # Without room for both, what was before goes: a log that is not emptied would take what room there is.
            with contextlib.suppress(OSError):
                shutil.copyfile(path, path.with_suffix(".older"))
            with path.open("r+b") as file:
                file.truncate()


def read_log(folder: Path, lines: int) -> list[Line]:
    """Give the last `lines` lines of all versions' logs, in the order of their times."""
    found = [line for path in folder.glob("*.log") for line in _read_last(path, lines)]
    return sorted(found, key=lambda line: str(line["time"]))[-lines:] if lines else []


def follow_log(folder: Path, lines: int) -> Iterator[Line]:
    """Give the last `lines` lines, then every new one as it comes, without end."""
    positions = {path: path.stat().st_size for path in folder.glob("*.log")}
    yield from read_log(folder, lines)
    while True:
        for path in sorted(folder.glob("*.log")):
            start = positions.get(path, 0)
            # Emptied since: begin anew.
            start = 0 if path.stat().st_size < start else start
            with path.open("rb") as file:
                file.seek(start)
                data = file.read()
            complete = data[: data.rfind(b"\n") + 1]
            positions[path] = start + len(complete)
            yield from _parse(complete, path.stem)
        time.sleep(_FOLLOW_SECONDS)


def _read_last(path: Path, lines: int) -> list[Line]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = size
        data = b""
        while start > 0 and data.count(b"\n") <= lines:
            start = max(0, start - _BLOCK)
            file.seek(start)
            data = file.read(size - start)
    parsed = _parse(data, path.stem)
    return parsed[-lines:]


def _parse(data: bytes, version: str) -> list[Line]:
    """Read JSON lines; what else a process wrote (a print, a crash) becomes the message of a line, at the last time."""
    parsed: list[Line] = []
    for text in data.decode(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or "message" not in line:
            line = {"time": parsed[-1]["time"] if parsed else "", "level": "output", "message": text}
        parsed.append({**line, "version": version})
    return parsed


def read_tail(path: Path, start: int) -> list[str]:
    """Give the messages at the end of a log file, none of those before the byte `start`."""
    with path.open("rb") as log:
        log.seek(max(start, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = log.read().decode(errors="replace").splitlines()
    return [_read_message(line) for line in lines[-_TAIL_LINES:]]


def _read_message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError, TypeError):
        return line
