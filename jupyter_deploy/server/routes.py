"""The routes under `nbdeploy/`: parse, call a view in a thread, answer JSON."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from jupyter_deploy.errors import DeployError, UsageError
from jupyter_deploy.server.refusal import describe_error

NAMESPACE = "nbdeploy"
LARGE = 2000
"""Bytes from which on an answer is compressed."""
RESOURCE = "nbdeploy:endpoints"
"""What an authorizer is asked for: `read` to look, `write` to roll back, stop, start and delete, `execute` to call."""


def import_views() -> Any:
    """Import what the routes answer from, which takes longer than all of Jupyter may wait for when it starts."""
    from jupyter_deploy.server import views

    return views


class DeployHandler(APIHandler):
    """A route: every error is one JSON shape, and nothing blocks the server."""

    auth_resource = RESOURCE

    async def answer(self, view: Callable[[Any], Any]) -> None:
        """Call a view in a thread and write what it gives; it takes the module of the views."""
        body = await asyncio.to_thread(lambda: json.dumps(view(import_views()), separators=(",", ":")).encode())
        if len(body) > LARGE and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.set_header("Vary", "Accept-Encoding")
            body = gzip.compress(body, 1)
        self.finish(body)

    def read_number(self, name: str, default: float) -> float:
        """Read a number from the query."""
        text = self.get_query_argument(name, str(default))
        try:
            number = float(text)
        except ValueError as error:
            raise UsageError(f"wanted a number, found {text!r}", where=name) from error
        if not math.isfinite(number):
            raise UsageError(f"wanted a number, found {text!r}", where=name)
        return number

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error in the one shape (an `HTTPError` keeps its status)."""
        error = kwargs.get("exc_info", (None, None))[1]
        if error is None or isinstance(error, web.HTTPError):
            message = (getattr(error, "log_message", None) or self._reason) if error else self._reason
            body = {"error": {"type": "HTTPError", "message": message, "where": None, "advice": None}}
        else:
            status_code, body = describe_error(error)
            self.set_status(status_code)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Keep what is meant for the user out of the server's log."""
        if not isinstance(value, DeployError):
            super().log_exception(typ, value, tb)


class ServerHandler(DeployHandler):
    """The handshake."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Give the version and the targets."""
        await self.answer(lambda views: views.describe_server())


class EndpointsHandler(DeployHandler):
    """All endpoints of this machine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Give them with the figures of now."""
        await self.answer(lambda views: views.list_endpoints())


class EndpointHandler(DeployHandler):
    """One endpoint."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Give it with its samples: `?since=<seconds since 1970>&resolution=1|60|900`."""
        since, resolution = self.read_number("since", 0), int(self.read_number("resolution", 1))
        await self.answer(lambda views: views.show_endpoint(name, since, resolution))


class EntriesHandler(DeployHandler):
    """What can be called."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Give the entries with schemas and golden calls."""
        await self.answer(lambda views: views.list_entries(name))


class LogsHandler(DeployHandler):
    """The log."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Give its end: `?lines=200`."""
        lines = int(self.read_number("lines", 200))
        await self.answer(lambda views: views.read_logs(name, lines))


class ActionHandler(DeployHandler):
    """What can be done to an endpoint."""

    @web.authenticated
    @authorized
    async def post(self, name: str, action: str) -> None:
        """Do it; `rollback` with `{"version": ...}` if not to the one before."""
        body = self.get_json_body() or {}
        version = body.get("version") if isinstance(body, dict) else None
        await self.answer(lambda views: views.act(name, action, version))


class CallHandler(DeployHandler):
    """Calls of an endpoint, through this server."""

    @web.authenticated
    @authorized("read", resource=RESOURCE)  # type: ignore[untyped-decorator]  # typed only without arguments
    async def get(self, name: str, path: str) -> None:
        """Give the documentation (this package's own page, never one of the endpoint's) or the OpenAPI document."""
        if path == "docs":
            from jupyter_deploy.runtime.protocols.pages import HTML, read_documentation

            await asyncio.to_thread(lambda: import_views().find_record(name))
            for key, value in HTML:
                self.set_header(key.decode(), value.decode())
            self.finish(read_documentation())
            return
        await self._pass_on(name, path)

    @web.authenticated
    @authorized("execute", resource=RESOURCE)  # type: ignore[untyped-decorator]
    async def post(self, name: str, path: str) -> None:
        """Call an entry; the answer is the endpoint's, with its status."""
        await self._pass_on(name, path)

    async def _pass_on(self, name: str, path: str) -> None:
        from jupyter_deploy.server import calls

        call = await asyncio.to_thread(calls.find_call, name, path, str(self.request.method))
        response = await calls.send(call, self.request.body, self.request.headers)
        self.set_status(response.code)
        # JSON is all that an endpoint answers here: whatever it says, the browser reads it as that.
        self.set_header("Content-Type", "application/json")
        for key in ("Retry-After", "x-nbdeploy-version"):
            if key in response.headers:
                self.set_header(key, response.headers[key])
        self.finish(response.body)

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """Finish without `APIHandler`'s content type: it is set already."""
        return web.RequestHandler.finish(self, *args, **kwargs)


def list_handlers(base_url: str) -> list[tuple[str, type[DeployHandler]]]:
    """Give the routes for a server at `base_url`."""
    endpoint = r"endpoints/(?P<name>[^/]+)"
    routes: list[tuple[str, type[DeployHandler]]] = [
        ("server", ServerHandler),
        ("endpoints", EndpointsHandler),
        (endpoint, EndpointHandler),
        (f"{endpoint}/entries", EntriesHandler),
        (f"{endpoint}/logs", LogsHandler),
        (f"{endpoint}/call/(?P<path>[^/]+)", CallHandler),
        (f"{endpoint}/(?P<action>rollback|promote|abort|stop|start|delete)", ActionHandler),
    ]
    return [(url_path_join(base_url, NAMESPACE, path), handler) for path, handler in routes]
