"""The application: finds a request's route, refuses what is beyond the limits, answers, counts."""

from __future__ import annotations

import asyncio
import difflib
import hmac
import logging
from collections.abc import Awaitable, Sequence
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING

from .calls import Caller
from .canary import Canary
from .copying import Copier
from .counters import Counters
from .logs import log
from .lookout import Lookout
from .messages import Answer, Page, Prediction, Reply, Request, Routes
from .options import Options
from .protocols.typed import refuse as refuse_typed
from .refusals import Refusal, hopeless, too_many
from .terms import LOW, read_terms
from .turns import Turns

if TYPE_CHECKING:
    from .queues import Queue

MALFORMED = {400: "this is not an HTTP request", 408: "the request came too slowly",
             431: "the request's head is too large"}


class App:
    """Answers requests by a worker's routes."""

    def __init__(self, routes: Routes, caller: Caller, counters: Counters, options: Options) -> None:
        self._routes = routes
        self._predictions = routes.predictions
        self._caller = caller
        self._slots = counters.slots
        self._gauge = counters.in_progress
        self._max_body = options.max_body
        self._max_queue = options.max_queue
        self._key_digest = options.api_key_digest
        self._access_log = options.access_log
        self.in_progress = 0
        """Predictions that wait or run outside the event loop."""
        self.canary: Canary | None = None
        """Where a part of the predictions goes."""
        self.copier: Copier | None = None
        """Where all go as well, once they are answered."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = Turns(caller, self.deliver)
        self._lookout = Lookout()

    def admit(self, request: Request) -> Answer | None:
        """Find the route, and refuse a prediction for which the body need not be read."""
        request.started = perf_counter()
        prediction = self._predictions.get(request.path)
        if prediction is None or request.method != "POST":
            return None
        request.prediction = prediction
        try:
            self._check(request)
        except Refusal as refusal:
            return self._count(prediction, request, prediction.refuse(refusal))
        return None

    def _check(self, request: Request) -> None:
        headers = request.headers
        if self._key_digest is not None:
            self._check_key(headers)
        if b"content-encoding" in headers and headers[b"content-encoding"] != b"identity":
            encoding = headers[b"content-encoding"].decode("latin-1")
            raise Refusal(415, "unsupported_encoding", f"the body should not be compressed, but it is with {encoding}")
        if int(headers.get(b"content-length", b"0")) > self._max_body:
            raise self._too_large()
        request.terms = read_terms(headers)
        self._check_load(request)

    def admit_again(self, request: Request) -> Answer | None:
        """Refuse a prediction that would wait for too long; all else was found right in a head of the same bytes."""
        request.started = perf_counter()
        if self.in_progress < self._max_queue and request.terms is None:
            return None
        prediction = request.route
        try:
            self._check_load(request)
        except Refusal as refusal:
            return self._count(prediction, request, prediction.refuse(refusal))
        return None

    def _check_load(self, request: Request) -> None:
        """Refuse a request that would wait in vain, or for which there is no room: before any work is wasted on it."""
        terms = request.terms
        if terms is not None and (wait := self._expect(request, terms.priority)) > terms.seconds:
            raise hopeless(wait, terms.seconds)
        if self.in_progress < self._max_queue or any(room.give_way(request) for room in self._caller.rooms):
            return
        raise too_many(self._max_queue, after=self._expect(request, LOW))

    def _expect(self, request: Request, priority: int) -> float:
        """Estimate the seconds that a request would wait for its turn."""
        entry = request.route.entry
        if entry.queue is not None and entry.queue.takes(request):
            return entry.queue.expect(priority)
        if entry.is_async or self._caller.is_quick(entry, request):
            return 0.0
        return self._turns.expect(priority) if self._caller.is_short(entry) else self._caller.expect(priority)

    def _check_key(self, headers: dict[bytes, bytes]) -> None:
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            key = headers.get(b"x-api-key", b"")
        if not hmac.compare_digest(sha256(key).hexdigest(), str(self._key_digest)):
            message = "this service needs a key: send `Authorization: Bearer KEY` or `X-API-Key: KEY`"
            raise Refusal(401, "unauthorized", message, headers=((b"www-authenticate", b"Bearer"),))

    def _is_owner(self, request: Request) -> bool:
        """Whether the counters are asked for by whoever runs this service: only who started it knows the digest."""
        digest = request.headers.get(b"x-nbdeploy-owner", b"")
        return request.path == "/metrics" and hmac.compare_digest(digest, str(self._key_digest).encode())

    def _too_large(self) -> Refusal:
        return Refusal(413, "body_too_large", f"the body is larger than {self._max_body} bytes, which is the limit")

    def admit_size(self, request: Request, size: int) -> Answer | None:
        """Refuse a body that grows beyond the limit."""
        if size <= self._max_body:
            return None
        prediction = request.prediction
        if prediction is None:
            return refuse_typed(self._too_large())
        return self._count(prediction, request, prediction.refuse(self._too_large()))

    def answer(self, request: Request, reply: Reply) -> Answer | None:
        """Answer at once what is quick, and the rest later, by `reply`."""
        if request.prediction is None:
            return self._answer_page(request)
        if self.canary is not None and self.canary.takes(request):
            self.canary.forward(request, reply)
            return None
        return self.answer_here(request, reply)

    def answer_here(self, request: Request, reply: Reply) -> Answer | None:
        """Answer a prediction with this worker's version: at once, or later by `reply`."""
        prediction = request.route
        entry = prediction.entry
        room: Queue | Turns | None = None
        if entry.queue is not None and entry.queue.takes(request):
            room = entry.queue
        elif self._caller.is_quick(entry, request):
            # Only other processes can see this, and need to: a call that never returns is still in progress.
            self._slots[self._gauge] = self.in_progress + 1
            answer = self._caller.call(request)
            self._slots[self._gauge] = self.in_progress
            self._lookout.answered(request.started, perf_counter())
            return self._count(prediction, request, answer)
        elif self._caller.takes_turns(entry, request):
            room = self._turns
        # Counted and in line before the next one is looked at: many may come in one turn of the event loop.
        self.in_progress += 1
        self._slots[self._gauge] = self.in_progress
        if room is None:
            to_come = self._caller.call_later(request)
            task = asyncio.ensure_future(self._answer_later(prediction, request, reply, to_come))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return None
        request.reply = reply
        room.add(request)
        return None

    async def _answer_later(self, prediction: Prediction, request: Request, reply: Reply,
                            to_come: Awaitable[Answer]) -> None:
        try:
            answer = await to_come
        finally:
            self.in_progress -= 1
            self._slots[self._gauge] = self.in_progress
        reply(request, self._count(prediction, request, answer))

    def deliver(self, requests: Sequence[Request], answers: Sequence[Answer]) -> None:
        """Send the answers of a batch."""
        self.in_progress -= len(requests)
        self._slots[self._gauge] = self.in_progress
        now = perf_counter()
        for request, answer in zip(requests, answers, strict=True):
            prediction, reply = request.prediction, request.reply
            assert prediction is not None
            assert reply is not None
            reply(request, self._count(prediction, request, answer, now))
        if len(requests) == 1:
            self._lookout.answered(requests[0].started, perf_counter())
        else:
            self._lookout.crowd()

    def _count(self, prediction: Prediction, request: Request, answer: Answer, now: float = 0.0) -> Answer:
        seconds = (now or perf_counter()) - request.started
        prediction.entry.meter.answered(answer.status, seconds)
        if self.copier is not None:
            self.copier.copy(request, answer)
        if self._access_log:
            log(logging.INFO, f"POST {request.path}", status=answer.status, seconds=round(seconds, 6))
        return answer

    def _answer_page(self, request: Request) -> Answer:
        path, method = request.path, request.method
        page = self._routes.pages.get(path)
        known = page or self._predictions.get(path)
        if known is None:
            return self._refuse_unknown(path)
        if page is None or method not in page.methods:
            methods = [*(page.methods if page else ()), *(["POST"] if path in self._predictions else [])]
            allow = ", ".join(methods)
            return known.refuse(Refusal(405, "method_not_allowed", f"{path} answers {allow}, not {method}",
                                        headers=((b"allow", allow.encode()),)))
        return self._show(page, request)

    def _show(self, page: Page, request: Request) -> Answer:
        try:
            if page.guarded and self._key_digest is not None and not self._is_owner(request):
                self._check_key(request.headers)
            return page.answer(request)
        except Refusal as refusal:
            return page.refuse(refusal)
        except Exception as error:  # noqa: BLE001 - a page that fails must not end the connection
            log(logging.ERROR, f"{request.path} failed", error=error)
            return page.refuse(Refusal(500, "failed", f"{request.path} failed; the log says why"))

    def _refuse_unknown(self, path: str) -> Answer:
        known = sorted({*self._predictions, *self._routes.pages})
        near = difflib.get_close_matches(path[:200], known, n=1)
        advice = f"did you mean {near[0]}?" if near else "/docs lists the routes"
        refusal = Refusal(404, "not_found", f"there is no route {path[:200]}; {advice}")
        refusers = [refuse for beginning, refuse in self._routes.refusers.items() if path.startswith(beginning)]
        return (refusers or [refuse_typed])[0](refusal)

    def refuse_malformed(self, status: int) -> Answer:
        """Answer what is not a request."""
        return refuse_typed(Refusal(status, "malformed_request", MALFORMED[status]))
