"""A request whose head is known is answered as one that the parser reads, however its bytes arrive."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_deploy.runtime.heads import MAX_HEADS, MAX_SIZE, Heads
from jupyter_deploy.runtime.messages import Prediction, Request

NUMBERS = itertools.count()
HEAD = b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n"
ROUTE = Prediction(None, None, None, None)  # type: ignore[arg-type]


def learn(heads: Heads, head: bytes) -> bool:
    """Let the head be learned as the parser reads it."""
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:] if line]
    request = Request("POST", "/add", {name.lower(): value for name, _, value in lines})
    request.prediction = ROUTE
    heads.learn(head, request)
    return head in heads


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (HEAD, True),
        (HEAD.replace(b"host: x", b"Connection: Keep-Alive"), True),
        (HEAD.replace(b"host: x", b"connection: close"), False),
        (HEAD.replace(b"host: x", b"expect: 100-continue"), False),
        (HEAD.replace(b"host: x", b"upgrade: h2c"), False),
        (HEAD.replace(b"content-length: 5", b"transfer-encoding: chunked"), False),
        (HEAD.replace(b"content-length: 5", b"x: y"), False),
        (HEAD.replace(b"1.1", b"1.0"), False),
        (b"\r\n" + HEAD, False),
        (HEAD.replace(b"host: x\r\n", b"host: x\n"), False),
        (HEAD.replace(b"host: x", b"host: x\r"), False),
        (b"POST /add HTTP/1.1\r\ncontent-length: 5\n\nabc\r\n\r\n", False),
        (HEAD.replace(b"host: x", b"host: " + b"x" * MAX_SIZE), False),
    ],
)
def test_plain_heads_are_learned(head, known):
    assert learn(Heads(), head) is known


def test_the_oldest_is_forgotten():
    heads = Heads()
    for number in range(MAX_HEADS + 5):
        assert learn(heads, HEAD.replace(b"host: x", b"host: %d" % number))
    assert len(heads) == MAX_HEADS
    assert not any(b"host: 4\r" in head for head in heads)


ERROR_ID = re.compile(rb"[0-9a-f]{12}(?=\")")
"""Of a failed call; each has another."""


def write(path: str, body: bytes, more: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: x\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body


BODIES = st.one_of(
    st.builds(lambda x: json.dumps(x).encode(), st.dictionaries(st.sampled_from(["x", "y", "rows"]), st.one_of(
        st.floats(-10, 10), st.integers(-3, 3), st.text(max_size=3), st.lists(st.lists(st.floats(0, 1), max_size=2), max_size=2)
    ), max_size=2)),
    st.sampled_from([b'{"x": 1}', b'{"x": 1}\r\n\r\n', b"", b"{", b"\r\n\r\n", b'"POST / HTTP/1.1\r\n\r\n"', b'{"x": 1e999}']),
)
REQUESTS = st.lists(st.tuples(
    st.sampled_from(["/add", "/scale", "/fail", "/v2/models/add/infer", "/invocations", "/nowhere", "/livez"]), BODIES,
    st.sampled_from(["content-type: application/json\r\n", "Content-Type: text/plain\r\n", ""]),
), min_size=1, max_size=5)


def read_answers(connection: socket.socket, count: int) -> list[tuple[bytes, object]]:
    """Give the status line and the JSON of each answer."""
    answers = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status, size = stream.readline(), 0
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                size = int(value) if name == b"content-length" else size
            answers.append((status, json.loads(ERROR_ID.sub(b"", stream.read(size)))))
    return answers


@settings(max_examples=120, deadline=None)
@given(REQUESTS, st.lists(st.integers(0, 2000), max_size=4))
def test_same_answers_with_and_without_the_parser(worker, requests, cuts):
    """The second time a head is known; a number in it makes the third unknown again."""
    address = urlsplit(worker.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.settimeout(60)
        found = []
        for extra in ("", "", f"x-number: {next(NUMBERS)}\r\n"):
            sent = b"".join(write(path, body, more + extra) for path, body, more in requests)
            places = sorted({cut % len(sent) for cut in cuts} - {0})
            for start, end in zip([0, *places], [*places, len(sent)], strict=True):
                connection.sendall(sent[start:end])
            found.append(read_answers(connection, len(requests)))
    assert found[0] == found[1] == found[2]


def test_a_known_head_with_its_body_in_pieces(worker):
    address = urlsplit(worker.url)
    sent = write("/add", b'{"x": 41}', "content-type: application/json\r\n")
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in (len(sent), len(sent) - 3, len(sent) - 9, 20, len(sent)):
            connection.sendall(sent[:cut])
            connection.sendall(sent[cut:])
            assert read_answers(connection, 1) == [(b"HTTP/1.1 200 OK\r\n", 42.0)]


def test_a_key_is_known_only_with_its_head(bundle, start_supervised):
    worker = start_supervised(bundle, "--api-key-digest", hashlib.sha256(b"secret").hexdigest())
    address = urlsplit(worker.url)
    kind = "content-type: application/json\r\n"
    for key, status in (("secret", b"200"), ("secret", b"200"), ("secreT", b"401"), ("secret", b"200"), ("", b"401")):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.settimeout(60)
            connection.sendall(write("/add", b'{"x": 41}', f"{kind}x-api-key: {key}\r\n"))
            ((found, _),) = read_answers(connection, 1)
            assert found.split()[1] == status
