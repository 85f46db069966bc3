"""On what terms a caller asks: how urgent the request is, and for how long its answer is of use.

    x-nbdeploy-priority: high | normal | low
    x-nbdeploy-timeout: 250ms | 2s | 1.5            (seconds, without a unit)

Envoy, and what is built on it, tells the time that it waits with every request; that is understood, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

from .refusals import Refusal

PRIORITY = b"x-nbdeploy-priority"
TIMEOUT = b"x-nbdeploy-timeout"
ENVOY = b"x-envoy-expected-rq-timeout-ms"
HIGH, NORMAL, LOW = range(3)
PRIORITIES = {b"high": HIGH, b"normal": NORMAL, b"low": LOW}
_DURATION = re.compile(rb"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|)")
_FOREVER = float("inf")


@dataclass(frozen=True)
class Terms:
    """What a caller said of one request."""

    priority: int = NORMAL
    """The smaller, the more urgent."""
    seconds: float = _FOREVER
    """How long the caller waits, from the request's arrival."""


def read_terms(headers: Mapping[bytes, bytes]) -> Terms | None:
    """Read a request's terms; None when it has none, as most do (raises `Refusal`)."""
    priority, seconds = NORMAL, _FOREVER
    if PRIORITY in headers:
        text = headers[PRIORITY]
        if text.lower() not in PRIORITIES:
            raise _malformed(PRIORITY, "high, normal or low", text)
        priority = PRIORITIES[text.lower()]
    if TIMEOUT in headers:
        found = _DURATION.fullmatch(headers[TIMEOUT].strip())
        if found is None:
            raise _malformed(TIMEOUT, "seconds, or a number with ms or s", headers[TIMEOUT])
        seconds = float(found[1]) / (1000 if found[2] == b"ms" else 1)
    elif headers.get(ENVOY, b"0").isdigit():
        # Without a limit Envoy says 0.
        seconds = int(headers.get(ENVOY, b"0")) / 1000 or _FOREVER
    return None if priority == NORMAL and seconds == _FOREVER else Terms(priority, seconds)


def _malformed(name: bytes, wanted: str, found: bytes) -> Refusal:
    said = found[:80].decode("latin-1")
    return Refusal(400, "invalid_header", f"{name.decode()}: expected {wanted}, found {said!r}",
                   field=name.decode(), expected=wanted, found=said)


def is_overdue(terms: Terms | None, started: float) -> bool:
    """Tell whether nobody waits any more for the answer to a request that arrived at `started` (`perf_counter`)."""
    return terms is not None and perf_counter() - started > terms.seconds
