"""Pages about the service: the index, its OpenAPI document, and documentation for people that needs no network."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import orjson

from ..entries import Service
from ..messages import Answer, Page, Request, Routes, json_answer
from ..openapi import describe_service
from .typed import refuse

HTML = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy",
     b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"),
)


def add_routes(service: Service, routes: Routes, *, guarded: bool) -> None:
    """Add the pages; `/docs` itself says nothing about the service, so it can ask for the key that the rest needs."""

    @lru_cache(maxsize=1)
    def openapi() -> bytes:
        return orjson.dumps(describe_service(service, guarded=guarded))

    def answer_index(request: Request) -> Answer:
        if "text/html" in request.header(b"accept"):
            return Answer(307, b"", ((b"location", b"docs"),))
        return json_answer({
            "name": service.name, "version": service.version, "entries": [f"/{name}" for name in service.entries],
            "docs": "/docs", "openapi": "/openapi.json",
        })

    routes.pages["/"] = Page(answer_index, refuse)
    routes.pages["/openapi.json"] = Page(lambda _: Answer(200, openapi()), refuse)
    routes.pages["/docs"] = Page(lambda _: Answer(200, read_documentation(), HTML), refuse, guarded=False)


def read_documentation() -> bytes:
    """Give the documentation's page: one file without any reference to another host."""
    return Path(__file__).with_name("docs.html").read_bytes()
