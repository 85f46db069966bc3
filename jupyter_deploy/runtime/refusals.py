"""Why a request is not answered as asked, independent of the protocol that says so."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request that gets an error answer; each protocol renders it in its own shape.

    Parameters
    ----------
    status
        The HTTP status.
    kind
        One word for programs: `not_found`, `invalid_input`.
    message
        A sentence for people: what was wanted, what was found.
    headers
        Further response headers.
    detail
        `field`, `expected`, `found`, or the `id` that leads to the log.

    """

    def __init__(
        self, status: int, kind: str, message: str, *, headers: tuple[tuple[bytes, bytes], ...] = (), **detail: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.headers = headers
        self.detail = detail


def busy(status: int, kind: str, message: str) -> Refusal:
    """Refuse for now: the caller may come again after a second."""
    return Refusal(status, kind, message, headers=((b"retry-after", b"1"),))
