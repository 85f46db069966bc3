"""One HTTP/1.1 connection: httptools parses its requests; quick ones are answered at once, others when they are done.

A prediction is a small body in and a small body out, so what a general server does around it would cost several times
the prediction itself. This does what a service needs: keep-alive, pipelining, chunked bodies, limits on head and body,
100-continue, back-pressure, and `Connection: close` while draining. A whole request whose head is known (`heads.py`)
is taken as it comes; the parser sees the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httptools

from .heads import END, MAX_HEAD, Heads, measure_head, read_path
from .lines import name_client
from .logs import log
from .messages import JSON_LINE, JSON_ONLY, Answer, Application, Request, render_headers

MAX_WAITING = 32
"""Requests that may wait on one connection before it is no longer read."""
TURN = 0.001
"""Seconds for which a connection that does not wait for answers is served at a stretch; then others are."""
KEEP_ALIVE = 75.0
"""Seconds that an idle connection is kept: longer than the 60 of common load balancers, so that they close first."""
SLOWEST = 500
"""Bytes a second of a body, below which a request comes too slowly."""
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HANGS = b'{"error":{"type":"worker_hangs","message":"another request made this worker hang; a new one replaces it"}}'
ABANDONED = b"%bcontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
CLOSE = b"connection: close\r\n"
KEEP = b"connection: keep-alive\r\n"


@dataclass
class Connections:
    """What the connections of a server share."""

    app: Application
    open: set[Connection] = field(default_factory=set)
    heads: Heads = field(default_factory=Heads)
    receive: float = 20.0
    """Seconds in which a request's head has to come; its body gets longer by its size."""
    headers: bytes = b""
    """Sent with every answer."""
    closing: bool = False
    """Every answer is the last of its connection."""
    shedding: int = 0
    """So many answers are, though others follow on other connections."""
    now: float = 0.0
    """A clock with steps of a second."""


class Connection(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._app = shared.app
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._paused = False
        self._writing_paused = False
        self._client: str | None = None
        """The caller's address; None on this machine."""
        self.heard = shared.now
        """When something last came or was answered."""
        self._turn = 0.0
        """When the first request of those that came together was taken."""
        # What is being received.
        self._begun = shared.now
        self._between = True
        """The parser has nothing of a request."""
        self._fresh: bytes | None = None
        """The head that the parser is given, if it is given whole."""
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size: int | None = None
        self._heads_begun = 0
        self._request: Request | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._unparsed = 0
        """Bytes of the body that the parser does not know of."""
        self._refused = False
        # What has been received and is not answered.
        self._busy = False
        self._waiting: deque[tuple[Request, Answer | None]] = deque()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._client = name_client(transport.get_extra_info("peername"))
        self._shared.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End; a call in progress goes on, but nobody reads its answer."""
        self._shared.open.discard(self)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.heard = self._shared.now
        self._turn = 0.0
        if self._between:
            data = self._take_known(data)
            if not data:
                return
        if self._unparsed:
            data = self._take_unparsed(data)
        heads, between = self._heads_begun, self._between
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # An offer to speak another protocol may be ignored, but the parser believes that it is accepted.
            if rest := data[upgrade.args[0] :]:
                self.data_received(rest)
        except httptools.HttpParserCallbackError as error:
            log(logging.ERROR, "a request could not be handled", error=error)
            self._transport.close()
        except httptools.HttpParserError:
            self._end(400)
        if self._head_size is not None:
            same = heads == self._heads_begun
            self._head_size += len(data) if same else measure_head(data, between)
            if self._head_size > MAX_HEAD:
                self._end(431)

    def _take_known(self, data: bytes) -> bytes:
        """Take the requests whose heads are known and whose bodies are there; gives the rest, for the parser."""
        heads = self._shared.heads
        start = 0
        while (found := data.find(END, start)) >= 0:
            body = found + len(END)
            bytes_of_head = data[start:body]
            head = heads.get(bytes_of_head)
            if head is None or body + head.length > len(data):
                self._fresh = bytes_of_head
                break
            start = body + head.length
            request = Request("POST", head.path, head.headers, data[body:start], head.prediction, head.terms)
            request.client = self._client
            self._take(request, self._app.admit_again(request))
        return data[start:] if start else data

    def pause_writing(self) -> None:
        """Read no further while the caller does not read the answers."""
        self._writing_paused = True
        self._adjust_reading()

    def resume_writing(self) -> None:
        """Read again."""
        self._writing_paused = False
        self._adjust_reading()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._between = False
        self._begun = self._shared.now
        self._url = b""
        self._headers = {}
        self._head_size = 0
        self._heads_begun += 1
        self._body = []
        self._size = 0
        self._refused = False

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Look at the head."""
        self._head_size = None
        headers = self._headers
        request = self._request = Request(self._parser.get_method().decode(), read_path(self._url), headers)
        request.client = self._client
        fresh, self._fresh = self._fresh, None
        refusal = self._app.admit(request)
        if refusal is not None:
            self._refuse(request, refusal)
            return
        if fresh is not None:
            self._shared.heads.learn(fresh, request)
        if headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(CONTINUE)

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        request = self._request
        if self._refused or request is None:
            return
        self._size += len(data)
        refusal = self._app.admit_size(request, self._size)
        if refusal is not None:
            self._refuse(request, refusal)
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """Answer the request, or queue it behind the one in progress."""
        if b"upgrade" in self._headers and not self._refused:
            self._unparsed = int(self._headers.get(b"content-length", b"0")) - self._size
            if self._unparsed > 0:
                return
        request, self._request = self._request, None
        if self._refused:
            self._transport.close()
        elif request is not None:
            body = self._body
            request.body = body[0] if len(body) == 1 else b"".join(body)
            request.keep_alive = self._between = self._parser.should_keep_alive()
            self._take(request, None)

    def _take_unparsed(self, data: bytes) -> bytes:
        """Take the body of a request that offered another protocol; gives what follows it."""
        part, rest = data[: self._unparsed], data[self._unparsed :]
        self._unparsed -= len(part)
        self.on_body(part)
        if not self._unparsed:
            self.on_message_complete()
        return rest

    # Answering.

    def _refuse(self, request: Request, refusal: Answer) -> None:
        """Answer before the body is complete; the rest of it is read and dropped, then the connection ends.

        Closing at once would reset the connection, and the caller, still sending, would not see the answer.
        """
        self._refused = True
        self._body = []
        request.keep_alive = False
        self._take(request, refusal)

    def _take(self, request: Request, refusal: Answer | None) -> None:
        if not self._turn:
            self._turn = request.started
        elif not self._busy and request.started - self._turn > TURN:
            self._let_others()
        if self._busy:
            self._waiting.append((request, refusal))
            self._adjust_reading()
        else:
            self._begin(request, refusal)

    def _let_others(self) -> None:
        """Go on with what waits in the next turn of the event loop."""
        self._busy = True
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._busy = False
        self._turn = time.perf_counter()
        while self._waiting and not self._busy:
            self._begin(*self._waiting.popleft())
            if self._waiting and not self._busy and time.perf_counter() - self._turn > TURN:
                self._let_others()
        self._adjust_reading()

    def _begin(self, request: Request, refusal: Answer | None) -> None:
        answer = refusal or self._app.answer(request, self._reply)
        if answer is not None:
            self._write(request, answer)
        else:
            self._busy = True

    def _reply(self, request: Request, answer: Answer) -> None:
        self._write(request, answer)
        self.heard = self._shared.now
        self._busy = False
        if self._waiting:
            self._go_on()

    def _write(self, request: Request, answer: Answer) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        last = self._shared.closing or not request.keep_alive
        if self._shared.shedding and not last:
            self._shared.shedding -= 1
            last = True
        connection = CLOSE if last else KEEP if b"connection" in request.headers else b""
        kinds = JSON_LINE if answer.headers is JSON_ONLY else render_headers(answer.headers)
        ours = b"" if answer.relayed else self._shared.headers
        body = b"" if request.method == "HEAD" else answer.body
        transport.write(b"%b%b%b%bcontent-length: %d\r\n\r\n%b" % (
            STATUS_LINES[answer.status], ours, kinds, connection, len(answer.body), body))
        if last and not (self._refused and self._request is request):
            transport.close()

    def _end(self, status: int) -> None:
        """Answer what is not a request, and end."""
        if not self._transport.is_closing():
            request = Request("GET", "", {})
            request.keep_alive = False
            self._write(request, self._app.refuse_malformed(status))
            self._transport.close()

    def _adjust_reading(self) -> None:
        pause = self._writing_paused or len(self._waiting) > MAX_WAITING
        if pause != self._paused and not self._transport.is_closing():
            self._paused = pause
            (self._transport.pause_reading if pause else self._transport.resume_reading)()

    @property
    def active(self) -> bool:
        """Whether a request is being received or answered."""
        return self._busy or self._request is not None or self._head_size is not None

    def abandon(self) -> None:
        """Answer what waits here, from another thread, while the event loop hangs (raises `OSError`).

        What was not read was not computed, and can be sent again; what is under way may have been computed.
        """
        descriptor = self._transport.get_extra_info("socket").fileno()
        unread = False
        with contextlib.suppress(BlockingIOError):
            # Closed with something unread, a connection would take the answer with it.
            while os.read(descriptor, 1 << 16):
                unread = True
        if self._busy or unread or self.active:
            os.write(descriptor, ABANDONED % (STATUS_LINES[500 if self._busy else 503], len(HANGS), HANGS))

    def check(self) -> None:
        """End if nothing comes any more, or if what comes takes too long; to be called once a second."""
        if self._busy:
            return
        now = self._shared.now
        if self.heard < now - KEEP_ALIVE:
            self._transport.close()
        elif self.active and now - self._begun > self._shared.receive + self._size / SLOWEST:
            if self._refused:
                self._transport.close()
            else:
                self._end(408)
