"""Which requests another version answers: an even part of them, and of callers who name themselves always the same."""

from __future__ import annotations

from hashlib import blake2b

KEY = b"x-nbdeploy-key"
"""Header with which a caller asks to meet the same version always: a user's or a session's id."""
_PARTS = 10_000


class Split:
    """Chooses a share of requests.

    Parameters
    ----------
    share
        From 0 to 1, to the hundredth of a percent.
    salt
        Another one chooses other keys: not the same callers meet every new version first.

    """

    def __init__(self, share: float, salt: str) -> None:
        self._parts = round(share * _PARTS)
        self._salt = salt.encode()[:16]
        self._due = 0

    def takes(self, key: bytes | None) -> bool:
        """Tell whether the next request is one of them.

        Of any n requests without a key, n times the share are, to one request. A key that is taken at one share is
        taken at every larger one.
        """
        if key is not None:
            return place_key(key, self._salt) < self._parts
        self._due += self._parts
        if self._due < _PARTS:
            return False
        self._due -= _PARTS
        return True


def place_key(key: bytes, salt: bytes) -> int:
    """Give a key's place among the parts, from 0 on."""
    return int.from_bytes(blake2b(key, digest_size=8, salt=salt).digest(), "big") % _PARTS
