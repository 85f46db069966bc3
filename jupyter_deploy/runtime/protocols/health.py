"""Health: whether the worker lives and whether it can answer, under the names that platforms probe."""

from __future__ import annotations

from collections.abc import Callable

from ..messages import Answer, Page, Request, Routes, json_answer
from .typed import refuse

LIVE = ("/livez", "/v2/health/live")
READY = ("/readyz", "/healthz", "/health", "/ping", "/v2/health/ready")


def add_routes(routes: Routes, *, live: Callable[[], bool], ready: Callable[[], bool]) -> None:
    """Add the probes; they need no key."""

    def answer_live(_: Request) -> Answer:
        return json_answer({"live": True}) if live() else json_answer({"live": False}, 503)

    def answer_ready(_: Request) -> Answer:
        if ready():
            return json_answer({"ready": True, "live": True})
        return json_answer({"ready": False, "live": live()}, 503, ((b"retry-after", b"1"),))

    routes.pages.update({path: Page(answer_live, refuse, guarded=False) for path in LIVE})
    routes.pages.update({path: Page(answer_ready, refuse, guarded=False) for path in READY})
