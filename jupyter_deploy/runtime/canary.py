"""Forwarding a part of the requests to another version, which is tried on callers: a canary."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from .counters import Counters
from .logs import log
from .messages import Answer, Reply, Request
from .refusals import busy
from .split import KEY, Split
from .upstream import Upstream, write_request

VERSION = b"x-nbdeploy-version"
"""Header of an answer: which version gave it, while there are two."""
_NAMES_A_VERSION = "/versions/"
"""In the path of a request that asks for one version by its name."""


@dataclass(frozen=True)
class Route:
    """Where requests go beside this worker, as its supervisor tells it."""

    version: str
    """The other version."""
    ports: Sequence[int]
    """Of its workers, on this machine."""
    share: float
    """Of the requests, from 0 to 1."""
    entries: Collection[str]
    """What the other version serves; requests for others stay here."""


class Here(Protocol):
    """What answers requests in this worker."""

    def answer_here(self, request: Request, reply: Reply) -> Answer | None:
        """Answer a request: at once, or later by `reply`."""


class Canary:
    """Sends a share of the predictions to the workers of another version, and relays what they answer.

    A prediction for which that worker is gone is answered here, as if it had never been sent.

    Parameters
    ----------
    again
        Whether a request that the other worker may have begun may be answered once more. Not where calls change what
        later calls read.
    most
        Requests that may be under way; those beyond stay here.

    """

    def __init__(self, route: Route, here: Here, counters: Counters, *, again: bool, most: int) -> None:
        self.route = route
        self._here = here
        self._split = Split(route.share, route.version)
        self._upstream = Upstream(route.ports)
        self._version = (VERSION, route.version.encode())
        self._slots = counters.slots
        self._forwarded, self._returned = counters.canary
        self._again = again
        self._most = most

    def takes(self, request: Request) -> bool:
        """Tell whether a prediction goes to the other version; the next one may, or may not."""
        return (
            self._split.takes(request.headers.get(KEY))
            and request.route.entry.name in self.route.entries
            and self._upstream.outstanding < self._most
            and _NAMES_A_VERSION not in request.path
        )

    def forward(self, request: Request, reply: Reply) -> None:
        """Send a prediction there, and its answer to the caller."""
        def relay(answer: Answer | None, begun: bool) -> None:
            if answer is not None:
                self._slots[self._forwarded] += 1
                reply(request, answer._replace(headers=(*answer.headers, self._version)))
                return
            self._slots[self._returned] += 1
            if begun and not self._again:
                log(logging.WARNING, f"a worker of version {self.route.version} was gone before it answered")
                refusal = busy(503, "interrupted", "the worker ended during the call, which is not repeated")
                reply(request, request.route.refuse(refusal))
            elif (own := self._here.answer_here(request, reply)) is not None:
                reply(request, own)

        self._upstream.send(write_request(request), relay)

    def end(self) -> None:
        """Forward nothing any more; what is under way is answered."""
        self._upstream.close()
