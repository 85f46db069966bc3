"""Prometheus: `GET /metrics` adds up the counters of all workers of the deployment."""

from __future__ import annotations

from ..messages import Answer, Page, Request, Routes
from ..metrics import Metrics, read_folder, render
from .typed import refuse

FORMAT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


def add_routes(metrics: Metrics, routes: Routes) -> None:
    """Add the page."""

    def answer(_: Request) -> Answer:
        samples = metrics.read() if metrics.path is None else read_folder(metrics.path.parent)
        return Answer(200, render(samples).encode(), (FORMAT,))

    routes.pages["/metrics"] = Page(answer, refuse)
