"""Recorded traffic: the moments of requests, and perhaps their bodies, out of a log.

JSON lines or CSV with a head. Of each record these fields are read, and others left alone:

    time     seconds, or ISO 8601; from the first record on
    entry    the entry that was called; a worker's access log says it as `"message": "POST /entry"`
    body     JSON of the arguments; without it, the entry's golden calls are played in turn
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import UsageError

_JSON = 'such as {"time": 0.5}, or {"time": "2026-01-31T08:30:00Z", "entry": "predict", "body": {"rows": [[1, 2]]}}'
_CSV = """such as 0.5,predict,"{""rows"": [[1, 2]]}" or 2026-01-31T08:30:00Z,, below the head time,entry,body"""


@dataclass(frozen=True)
class Recorded:
    """One request of a log."""

    moment: float
    """Seconds after the first one."""
    entry: str | None
    body: bytes | None
    """JSON."""


def read_recording(path: Path, *, speed: float = 1.0) -> tuple[Recorded, ...]:
    """Read a log, in the order of its times; `speed` 10 makes a minute of six seconds.

    Raises
    ------
    UsageError
        With the line that cannot be read.

    """
    text, form = _read_text(path), _CSV if _is_csv(path) else _JSON
    found = []
    for number, record in _read_lines(path, text):
        try:
            found.append(_read_record(record))
        except (TypeError, ValueError) as error:
            raise UsageError(f"--log {path}: this is not a record of a request: {error}", where=f"line {number}",
                             advice=form) from error
    requests = sorted((one for one in found if one is not None), key=lambda one: one.moment)
    if not requests:
        raise UsageError(f"--log {path}: there is no request in it", advice=form)
    begin = requests[0].moment
    return tuple(Recorded((one.moment - begin) / speed, one.entry, one.body) for one in requests)


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"--log {path}: there is no such file", where=str(Path.cwd()),
                         advice="give the path of a log: JSON lines, or a .csv with a head") from None
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise UsageError(f"--log {path}: it cannot be read: {why}",
                         advice="give the path of a log: JSON lines, or a .csv with a head, in UTF-8") from error


def _read_lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    if _is_csv(path):
        yield from enumerate(csv.DictReader(text.splitlines()), 2)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except ValueError as error:
                raise UsageError(f"--log {path}: this line is not JSON: {error}", where=f"line {number}",
                                 advice=_JSON) from error
            yield number, record


def _read_record(record: Any) -> Recorded | None:
    """Read one record (`TypeError`, `ValueError`); None for a line of a worker's log that is not about a request."""
    if not isinstance(record, Mapping):
        raise TypeError(f"wanted an object, found {json.dumps(record)[:40]}")
    entry = record.get("entry") or None
    if entry is None and "message" in record:
        method, _, path = str(record["message"]).partition(" /")
        if method != "POST":
            return None
        entry = path
    body = record.get("body") or None
    if isinstance(body, str):
        try:
            json.loads(body)
        except ValueError as error:
            raise ValueError(f"its body is not JSON: {error}") from error
    elif body is not None:
        body = json.dumps(body, ensure_ascii=False)
    return Recorded(_read_time(record.get("time")), entry, None if body is None else body.encode())


def _read_time(value: Any) -> float:
    if value in (None, ""):
        raise ValueError("it has no time")
    with contextlib.suppress(ValueError, TypeError):
        if math.isfinite(seconds := float(value)):
            return seconds
    try:
        moment = dt.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"its time {str(value)[:40]!r} is neither seconds nor ISO 8601") from None
    else:
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)).timestamp()
