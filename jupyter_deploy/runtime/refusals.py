"""Why a request is not answered as asked, independent of the protocol that says so."""

from __future__ import annotations

import math
from typing import Any

LONGEST = 60
"""Seconds after which a caller may come again at the latest."""


class Refusal(Exception):
    """A request that gets an error answer; each protocol renders it in its own shape.

    Parameters
    ----------
    status
        The HTTP status.
    kind
        One word for programs: `not_found`, `invalid_input`.
    message
        A sentence for people: what was wanted, what was found.
    headers
        Further response headers.
    detail
        `field`, `expected`, `found`, or the `id` that leads to the log.

    """

    def __init__(
        self, status: int, kind: str, message: str, *, headers: tuple[tuple[bytes, bytes], ...] = (), **detail: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.headers = headers
        self.detail = detail


def busy(status: int, kind: str, message: str, *, after: float = 1.0) -> Refusal:
    """Refuse for now, before anything was computed: the caller may come again after so many seconds."""
    seconds = max(1, min(LONGEST, math.ceil(after)))
    return Refusal(status, kind, message, headers=((b"retry-after", b"%d" % seconds),))


def too_many(limit: int, *, after: float = 1.0) -> Refusal:
    """Refuse because so many others are in progress."""
    return busy(429, "too_many_requests", f"{limit} requests are in progress, which is the limit", after=after)


def gave_way() -> Refusal:
    """Refuse one who waited, for one with more right to."""
    message = "too many requests wait, and this one gave way: to one of higher priority, or of a client with fewer"
    return busy(429, "too_many_requests", message)


def hopeless(wait: float, seconds: float) -> Refusal:
    """Refuse at once who would wait for longer than the answer is of use."""
    return busy(503, "overloaded", f"the request would wait about {wait:.2g} s for its turn, and its time is over in "
                                   f"{seconds:.2g} s", after=wait)


def outwaited(waited: float) -> Refusal:
    """Refuse one whose time was over before its turn came."""
    return busy(503, "overloaded", f"the request waited {waited:.1f} s for its turn, and its time was over")
