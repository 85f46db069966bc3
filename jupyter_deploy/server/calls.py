"""Calls of endpoints through the Jupyter server: the browser may be on another machine than the endpoint.

Only entries of deployments in the registry can be called, at the address that the registry names: no open proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from jupyter_deploy.errors import ServiceError, UsageError
from jupyter_deploy.server.views import find_record, read_live_manifest
from jupyter_deploy.targets.local.listeners import build_url

SECONDS = 120.0
"""How long a call may take; the endpoint's own limit is usually shorter."""
DOCUMENT = "openapi.json"
KEY = "X-API-Key"
"""Passed on; no cookie and no Authorization: those are the Jupyter server's, which no endpoint may see."""


@dataclass(frozen=True)
class Call:
    """A request that may be made."""

    url: str
    method: str


def find_call(name: str, path: str, method: str) -> Call:
    """Find the address for a path of an endpoint (`UsageError` when it is neither an entry nor its description)."""
    record = find_record(name)
    url = build_url(record.host, record.port)
    if method == "GET" and path == DOCUMENT:
        return Call(f"{url}/{DOCUMENT}", "GET")
    entries = [entry.name for entry in read_live_manifest(record)[0].entries]
    if method == "POST" and path in entries:
        return Call(f"{url}/{path}", "POST")
    raise UsageError(f"{name} has no entry {path!r}", advice=f"it has {', '.join(entries)}")


async def send(call: Call, body: bytes, headers: Mapping[str, str]) -> HTTPResponse:
    """Make the call and give the endpoint's answer, whatever its status (`ServiceError` when there is none)."""
    sent = {"Content-Type": "application/json", **({KEY: headers[KEY]} if KEY in headers else {})}
    request = HTTPRequest(call.url, call.method, sent, body if call.method == "POST" else None, request_timeout=SECONDS,
                          connect_timeout=5.0, follow_redirects=False)
    try:
        return await AsyncHTTPClient().fetch(request, raise_error=False)
    except (OSError, HTTPClientError) as error:
        raise ServiceError(f"the endpoint does not answer: {error}", where=call.url,
                           advice="it may be starting or stopped: look at its state and its logs") from error

