"""Heads of requests that came before: the same bytes mean the same again, and need not be parsed.

A caller sends the same request line and headers with every prediction; only the body differs. What the parser and
the application made of such a head the first time (its path and headers, where its body ends, that its key is right)
is kept under its bytes. Only plain heads are: `POST` to a prediction's route, HTTP/1.1, a body of known length, a
connection that stays open. The parser sees all others, and so does one that comes in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

import httptools

from .messages import Prediction, Request
from .terms import Terms

END = b"\r\n\r\n"
MAX_HEAD = 1 << 16
"""Bytes of a request's line and headers."""
MAX_HEADS = 512
"""Callers who send another head each time (a trace's id, a date) make the oldest be forgotten."""
MAX_SIZE = 4096
"""Bytes of a head that is kept."""
_PLAIN = frozenset({b"", b"keep-alive"})
_SPECIAL = (b"expect", b"transfer-encoding", b"upgrade")


@dataclass(frozen=True)
class Head:
    """What is known of a head."""

    path: str
    headers: dict[bytes, bytes]
    length: int
    """Bytes of the body."""
    prediction: Prediction
    terms: Terms | None


class Heads(dict[bytes, Head]):
    """The known heads, by their bytes from the method to the empty line."""

    def learn(self, head: bytes, request: Request) -> None:
        """Keep a head that the parser has read as `request`, and the application has admitted, if it is plain."""
        headers, prediction = request.headers, request.prediction
        if prediction is None or len(head) > MAX_SIZE or not _is_plain(head, headers):
            return
        if len(self) >= MAX_HEADS:
            del self[next(iter(self))]
        self[head] = Head(request.path, headers, int(headers[b"content-length"]), prediction, request.terms)


def _is_plain(head: bytes, headers: dict[bytes, bytes]) -> bool:
    return (
        b"content-length" in headers
        and headers.get(b"connection", b"").lower() in _PLAIN
        and not any(name in headers for name in _SPECIAL)
        # The bytes must be one head and nothing else, for which it may not hold what a parser could take as its end.
        and head.startswith(b"POST ")
        and head.partition(b"\r\n")[0].endswith(b" HTTP/1.1")
        and head.find(END) == len(head) - len(END)
        and head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
    )


def measure_head(data: bytes, between: bool) -> int:
    """Give the bytes of the unfinished head at the end of what came, which may have other requests before it."""
    last = data.rfind(END)
    # After the rest of a body, nobody knows where the head begins: then only what comes next can make it too large.
    return len(data) - last if last >= 0 else len(data) if between else min(len(data), MAX_HEAD)


def read_path(target: bytes) -> str:
    """Give the path of a request's target, decoded."""
    if not target.startswith(b"/"):
        target = httptools.parse_url(target).path or b"/"
    path = target.partition(b"?")[0].decode("latin-1")
    return unquote(path) if "%" in path else path
