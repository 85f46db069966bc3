"""The ASGI application: finds the route, reads the body within the limit, answers, counts."""

from __future__ import annotations

import difflib
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import Any

from .calls import Caller
from .counters import Counters
from .logs import log
from .messages import Answer, Page, Prediction, Request, Routes
from .protocols.typed import refuse as refuse_typed
from .refusals import Refusal, busy

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class App:
    """An ASGI application over a worker's routes."""

    routes: Routes
    caller: Caller
    counters: Counters
    max_body: int
    max_queue: int
    api_key_digest: str | None = None
    access_log: bool = False
    in_progress: int = field(default=0, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = perf_counter()
        prediction = self.routes.predictions.get(scope["path"])
        if prediction is not None and scope["method"] == "POST":
            answer = await self._predict(prediction, scope, receive)
            self.counters.meters[prediction.entry.name].answered(answer.status, perf_counter() - started)
        else:
            answer = self._show(scope)
        length = (b"content-length", b"%d" % len(answer.body))
        await send({"type": "http.response.start", "status": answer.status, "headers": (*answer.headers, length)})
        await send({"type": "http.response.body", "body": answer.body})
        if self.access_log:
            log(logging.INFO, f"{scope['method']} {scope['path']}", status=answer.status,
                seconds=round(perf_counter() - started, 6))

    async def _predict(self, prediction: Prediction, scope: Scope, receive: Receive) -> Answer:
        self.in_progress += 1
        self.counters.slots[self.counters.in_progress] = self.in_progress
        try:
            headers = dict(scope["headers"])
            self._admit(headers)
            body = await self._read_body(headers, receive)
            return await self.caller.answer(prediction, Request(headers, body))
        except Refusal as refusal:
            return prediction.refuse(refusal)
        finally:
            self.in_progress -= 1
            self.counters.slots[self.counters.in_progress] = self.in_progress

    def _admit(self, headers: dict[bytes, bytes]) -> None:
        if self.api_key_digest is not None:
            self._check_key(headers)
        if self.in_progress > self.max_queue:
            raise busy(429, "too_many_requests", f"{self.max_queue} requests are in progress, which is the limit")

    def _check_key(self, headers: dict[bytes, bytes]) -> None:
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            key = headers.get(b"x-api-key", b"")
        if not hmac.compare_digest(sha256(key).hexdigest(), str(self.api_key_digest)):
            message = "this service needs a key: send `Authorization: Bearer KEY` or `X-API-Key: KEY`"
            raise Refusal(401, "unauthorized", message, headers=((b"www-authenticate", b"Bearer"),))

    async def _read_body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Read the body, refusing one beyond the limit before it is in memory."""
        if headers.get(b"content-encoding", b"identity") != b"identity":
            encoding = headers[b"content-encoding"].decode("latin-1")
            raise Refusal(415, "unsupported_encoding", f"the body should not be compressed, but it is with {encoding}")
        length = headers.get(b"content-length")
        if length is not None and int(length) > self.max_body:
            raise self._too_large()
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body
        parts, size = [body], len(body)
        while message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.max_body:
                raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(413, "body_too_large", f"the body is larger than {self.max_body} bytes, which is the limit")

    def _show(self, scope: Scope) -> Answer:
        path, method = scope["path"], scope["method"]
        page = self.routes.pages.get(path)
        known = page or self.routes.predictions.get(path)
        if known is None:
            return self._refuse_unknown(path)
        if page is None or method not in page.methods:
            methods = [*(page.methods if page else ()), *(["POST"] if path in self.routes.predictions else [])]
            allow = ", ".join(methods)
            return known.refuse(Refusal(405, "method_not_allowed", f"{path} answers {allow}, not {method}",
                                        headers=((b"allow", allow.encode()),)))
        try:
            return self._answer_page(page, dict(scope["headers"]))
        except Refusal as refusal:
            return page.refuse(refusal)


    def _answer_page(self, page: Page, headers: dict[bytes, bytes]) -> Answer:
        if page.guarded and self.api_key_digest is not None:
            self._check_key(headers)
        return page.answer(Request(headers, b""))

    def _refuse_unknown(self, path: str) -> Answer:
        known = sorted({*self.routes.predictions, *self.routes.pages})
        near = difflib.get_close_matches(path, known, n=1)
        advice = f"did you mean {near[0]}?" if near else "/docs lists the routes"
        refusal = Refusal(404, "not_found", f"there is no route {path}; {advice}")
        refusers = [refuse for beginning, refuse in self.routes.refusers.items() if path.startswith(beginning)]
        return (refusers or [refuse_typed])[0](refusal)

