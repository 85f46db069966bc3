"""What travels between the HTTP layer and the protocols: requests, answers, and the routes that connect them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

if TYPE_CHECKING:
    from .entries import Arguments, ServedEntry
    from .refusals import Refusal
    from .terms import Terms

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")
TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")


JSON_ONLY: tuple[Header, ...] = (JSON,)


class Answer(NamedTuple):
    """A complete response; `content-length` is added when it is sent."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = JSON_ONLY
    relayed: bool = False
    """It comes from another worker, with all headers."""


class Request:
    """A request; its body is complete when it is to be answered."""

    __slots__ = ("body", "client", "headers", "keep_alive", "memo", "method", "path", "prediction", "reply", "started",
                 "terms")

    def __init__(self, method: str, path: str, headers: dict[bytes, bytes], body: bytes = b"",
                 prediction: Prediction | None = None, terms: Terms | None = None) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        """By their names in lower case."""
        self.body = body
        self.keep_alive = True
        self.started = 0.0
        self.prediction = prediction
        self.reply: Reply | None = None
        """How it is answered, once it waits for its turn."""
        self.terms = terms
        self.client: str | None = None
        """The caller's address; None on this machine."""
        self.memo: Any = None
        """What a protocol's decoder leaves for its encoder."""

    @property
    def route(self) -> Prediction:
        """The prediction that is asked for, where it is known that one is."""
        assert self.prediction is not None
        return self.prediction

    def header(self, name: bytes) -> str:
        """Give a header's text, empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")


Reply = Callable[[Request, Answer], None]
"""Sends the answer to a request; called in the event loop."""
Deliver = Callable[[Sequence[Request], Sequence[Answer]], None]
"""Sends the answers to requests that waited for their turn; called in the event loop."""


@dataclass(frozen=True)
class Prediction:
    """A route that calls an entry.

    `decode` and `encode` run in the event loop for a short call and in a thread for a long one.
    """

    entry: ServedEntry
    decode: Callable[[Request], Arguments]
    """Gives the arguments; raises `InvalidInput` or `Refusal`."""
    encode: Callable[[Request, Any], Answer]
    refuse: Callable[[Refusal], Answer]


@dataclass(frozen=True)
class Page:
    """A route that does not call an entry."""

    answer: Callable[[Request], Answer]
    refuse: Callable[[Refusal], Answer]
    methods: tuple[str, ...] = ("GET", "HEAD")
    guarded: bool = True
    """Needs the API key, when there is one."""


@dataclass
class Routes:
    """All routes of a worker, by their exact path."""

    predictions: dict[str, Prediction] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    refusers: dict[str, Callable[[Refusal], Answer]] = field(default_factory=dict)
    """How unknown paths are refused, by the path's beginning."""


def json_answer(value: Any, status: int = 200, headers: tuple[Header, ...] = ()) -> Answer:
    """Answer with plain JSON values."""
    return Answer(status, orjson.dumps(value), (JSON, *headers) if headers else JSON_ONLY)


class Application(Protocol):
    """What answers requests."""

    def admit(self, request: Request) -> Answer | None:
        """Look at a request's head; an answer refuses it before its body is read."""

    def admit_again(self, request: Request) -> Answer | None:
        """Look at a request with a head that was admitted before; an answer refuses it."""

    def admit_size(self, request: Request, size: int) -> Answer | None:
        """Look at the bytes of the body so far; an answer refuses the request."""

    def answer(self, request: Request, reply: Reply) -> Answer | None:
        """Answer a request: at once, or later by `reply`."""

    def refuse_malformed(self, status: int) -> Answer:
        """Answer what is not a request."""


def render_headers(headers: tuple[Header, ...]) -> bytes:
    """Write headers as lines."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


JSON_LINE = render_headers(JSON_ONLY)
