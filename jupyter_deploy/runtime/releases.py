"""What a worker does while another version is tried beside it, or while it is the one that is tried."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .canary import VERSION, Canary, Route
from .copying import Copier
from .counters import Counters
from .entries import Service
from .options import Options
from .server import Server
from .shadow import Shadow, Table

if TYPE_CHECKING:
    from .app import App

Tell = Callable[..., None]
"""Tells the supervisor of an event, with its fields."""


class Releases:
    """Obeys the supervisor's operations `route` and `shadow`."""

    def __init__(self, service: Service, app: App, server: Server, counters: Counters, options: Options,
                 tell: Tell) -> None:
        self._service = service
        self._app = app
        self._server = server
        self._counters = counters
        self._options = options
        self._tell = tell
        self._shadow: Shadow | None = None
        self._task: asyncio.Task[None] | None = None

    def obey(self, message: dict[str, Any]) -> None:
        """Do what the supervisor says."""
        if message["op"] == "route":
            self._route(message)
        else:
            self._be_shadow(message)

    def _route(self, message: dict[str, Any]) -> None:
        """Forward or copy requests from now on; without ports, neither."""
        for former in (self._app.canary, self._app.copier):
            if former is not None:
                former.end()
        self._app.canary = self._app.copier = None
        ports = message.get("ports")
        self._server.name_version(None)
        if not ports:
            return
        if message["mode"] == "shadow":
            self._app.copier = Copier(ports, message["version"], self._counters)
            return
        route = Route(message["version"], ports, message["share"], frozenset(message["entries"]))
        self._app.canary = Canary(route, self._app, self._counters, again=not self._service.stateful,
                                  most=self._options.max_queue)
        self._server.name_version(b"%b: %b\r\n" % (VERSION, self._service.version.encode()))

    def _be_shadow(self, message: dict[str, Any]) -> None:
        """Take copies from now on, and tell where; without a table, take none."""
        if self._shadow is not None:
            self._shadow.end()
            self._shadow = None
        if message.get("table"):
            table = Table(Path(message["table"]))
            self._shadow = Shadow(self._app, self._counters, table, message["tolerance"])
            self._task = asyncio.ensure_future(self._listen(self._shadow))

    async def _listen(self, shadow: Shadow) -> None:
        self._tell("shadowing", port=await shadow.listen())
