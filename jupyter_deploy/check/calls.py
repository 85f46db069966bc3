"""Calls of a candidate over HTTP: asking it, and measuring how long it takes."""

from __future__ import annotations

import http.client
import json
import math
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from jupyter_deploy.errors import ServiceError

TIMEOUT = 120
"""Seconds to wait for one answer."""
_FEWEST, _MOST = 5, 500
"""Calls that a measurement makes."""


@dataclass(frozen=True)
class Answer:
    """What a service said to one call."""

    status: int
    body: Any
    """The parsed JSON."""
    seconds: float

    @property
    def error(self) -> str:
        """What a refusal or a failure says."""
        found = self.body.get("error", self.body) if isinstance(self.body, dict) else self.body
        return str(found.get("message", found) if isinstance(found, dict) else found)


class Caller:
    """One connection to a service, kept open."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        self._url = url
        self._connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT)
        self._headers = {"Content-Type": "application/json"} | ({"X-API-Key": api_key} if api_key else {})

    def ask(self, entry: str, request: Mapping[str, Any]) -> Answer:
        """Call an entry with the JSON of its arguments (raises `ServiceError` when nothing answers)."""
        body = json.dumps(request, ensure_ascii=False).encode()
        return self._send("/" + urllib.parse.quote(entry), body)

    def _send(self, path: str, body: bytes) -> Answer:
        started = time.perf_counter()
        try:
            self._connection.request("POST", path, body, self._headers)
            response = self._connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ServiceError(f"the packaged service does not answer: {error}", where=self._url) from error
        seconds = time.perf_counter() - started
        try:
            return Answer(response.status, json.loads(data), seconds)
        except ValueError:
            return Answer(response.status, data.decode("utf-8", "replace"), seconds)

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Latency:
    """How long an entry takes, one call after the other, over HTTP on the same machine."""

    calls: int
    p50: float
    """Seconds."""
    p95: float


def measure(caller: Caller, entry: str, requests: Sequence[Mapping[str, Any]], seconds: float) -> Latency:
    """Call an entry with its golden requests in turn for about `seconds`."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < _FEWEST or (time.perf_counter() < end and len(found) < _MOST):
        found.append(caller.ask(entry, requests[len(found) % len(requests)]).seconds)
    return Latency(len(found), quantile(found, 0.5), quantile(found, 0.95))


def quantile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that `share` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
