"""What callers say of their requests in headers."""

from __future__ import annotations

import pytest

from jupyter_deploy.runtime.refusals import Refusal
from jupyter_deploy.runtime.terms import HIGH, LOW, NORMAL, Terms, is_overdue, read_terms

PRIORITY, TIMEOUT, ENVOY = b"x-nbdeploy-priority", b"x-nbdeploy-timeout", b"x-envoy-expected-rq-timeout-ms"


@pytest.mark.parametrize(("headers", "terms"), [
    ({}, None),
    ({PRIORITY: b"normal"}, None),
    ({PRIORITY: b"high"}, Terms(HIGH)),
    ({PRIORITY: b"Low"}, Terms(LOW)),
    ({TIMEOUT: b"250ms"}, Terms(NORMAL, 0.25)),
    ({TIMEOUT: b"1.5"}, Terms(NORMAL, 1.5)),
    ({TIMEOUT: b"2 s", PRIORITY: b"high"}, Terms(HIGH, 2.0)),
    ({ENVOY: b"15000"}, Terms(NORMAL, 15.0)),
    ({ENVOY: b"0"}, None),
    ({ENVOY: b"soon"}, None),
    ({ENVOY: b"15000", TIMEOUT: b"1"}, Terms(NORMAL, 1.0)),
])
def test_read(headers, terms):
    assert read_terms(headers) == terms


@pytest.mark.parametrize(("name", "value"), [
    (PRIORITY, b"urgent"), (PRIORITY, b""), (TIMEOUT, b"-1"), (TIMEOUT, b"1h"), (TIMEOUT, b"nan"), (TIMEOUT, b"1e3"),
    (TIMEOUT, b"9" * 5000),
])
def test_malformed(name, value):
    with pytest.raises(Refusal, match=name.decode()) as caught:
        read_terms({name: value})
    assert (caught.value.status, caught.value.detail["field"]) == (400, name.decode())


def test_overdue():
    assert not is_overdue(None, 0.0)
    assert is_overdue(Terms(NORMAL, 0.0), 0.0)
    assert not is_overdue(Terms(HIGH), 0.0)
