"""What is said of entries, from what a worker found out about them."""

from __future__ import annotations

import pytest

from jupyter_deploy.runtime.conduct import brief_conduct, describe_conduct

SLOW = {"seconds": 7.044, "grip": "unknown", "free": 0.0, "together": False, "threads": True, "alone": None}
"""As of a network that took so long that warming up was broken off."""


@pytest.mark.parametrize(("found", "line"), [
    (SLOW, "each request is answered alone: there was no time to try them together"),
    ({**SLOW, "alone": "it does not take a table"}, "each request is answered alone: it does not take a table"),
    ({**SLOW, "together": True}, "requests that arrive together are answered together"),
])
def test_why_requests_are_answered_alone_is_said(found: dict[str, object], line: str) -> None:
    assert describe_conduct({"score": found}) == ["a call of score takes 7044 ms", line]


def test_few_words_name_what_was_found_out() -> None:
    quick = {**SLOW, "seconds": 0.0021, "grip": "lets go", "free": 0.37, "together": True}
    assert brief_conduct({"score": SLOW, "rate": quick}) == "score 7044 ms; rate 2.1 ms, GIL 37% free, together"
