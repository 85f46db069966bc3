"""HTTP itself, byte by byte."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

JSON = "host: x\r\ncontent-type: application/json\r\n"


def post(path: str, value: object, headers: str = "", version: str = "1.1") -> bytes:
    body = json.dumps(value)
    return f"POST {path} HTTP/{version}\r\n{JSON}{headers}content-length: {len(body)}\r\n\r\n{body}".encode()


@pytest.fixture
def connection(worker):
    address = urlsplit(worker.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.settimeout(30)
        yield connection


def read_answer(stream) -> tuple[int, dict[str, str], bytes]:
    status = int(stream.readline().split()[1])
    headers = {}
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.decode().partition(":")
        headers[name] = value.strip()
    return status, headers, stream.read(int(headers.get("content-length", 0)))


def exchange(connection: socket.socket, sent: bytes, count: int = 1) -> list[tuple[int, dict[str, str], bytes]]:
    connection.sendall(sent)
    with connection.makefile("rb") as stream:
        return [read_answer(stream) for _ in range(count)]


def test_keep_alive_and_headers(connection):
    for x in range(3):
        ((status, headers, body),) = exchange(connection, post("/add", {"x": x}))
        assert (status, body) == (200, str(x + 1.0).encode())
        assert headers.keys() == {"date", "content-type", "content-length"}


def test_pipelined_answers_keep_their_order(connection):
    sent = b"".join(post("/wait_for", {"seconds": 0.1}) + post("/add", {"x": x}) for x in range(3))
    answers = exchange(connection, sent + post("/add", {}), 7)
    assert [status for status, _, _ in answers] == [200] * 6 + [422]
    assert [body for _, _, body in answers][1:6:2] == [b"1.0", b"2.0", b"3.0"]


def test_many_pipelined(connection):
    """More than may wait at once."""
    answers = exchange(connection, post("/wait_for", {"seconds": 0.1}) + post("/add", {"x": 1}) * 500, 501)
    assert {body for _, _, body in answers[1:]} == {b"2.0"}


def test_byte_by_byte(connection):
    for byte in post("/add", {"x": 1}):
        connection.sendall(bytes([byte]))
    assert exchange(connection, b"")[0][2] == b"2.0"


def test_chunked(connection):
    chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in ('{"x"', ": ", "4}"))
    sent = f"POST /add HTTP/1.1\r\n{JSON}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n".encode()
    assert exchange(connection, sent)[0][2] == b"5.0"


def test_expect_continue(connection):
    head, _, body = post("/add", {"x": 1}, "expect: 100-continue\r\n").partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\n\r\n")
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert exchange(connection, body)[0][0] == 200


def test_expect_continue_is_refused_at_once(connection):
    head = f"POST /add HTTP/1.1\r\n{JSON}expect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n".encode()
    ((status, headers, _),) = exchange(connection, head)
    assert (status, headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (post("/add", {"x": 1}, version="1.0"), "close"),
        (post("/add", {"x": 1}, "connection: keep-alive\r\n", version="1.0"), "keep-alive"),
        (post("/add", {"x": 1}, "connection: close\r\n"), "close"),
        (post("/add", {"x": 1}, "connection: keep-alive\r\n"), "keep-alive"),
    ],
)
def test_connection_header(connection, sent, expected):
    ((status, headers, _),) = exchange(connection, sent)
    assert (status, headers["connection"]) == (200, expected)
    if expected == "close":
        assert connection.recv(1) == b""
    else:
        assert exchange(connection, sent)[0][0] == 200


def test_offer_to_upgrade_is_ignored(connection):
    offer = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
    for _ in range(2):
        assert exchange(connection, post("/add", {"x": 1}, offer))[0][2] == b"2.0"
    assert exchange(connection, f"GET /livez HTTP/1.1\r\nhost: x\r\n{offer}\r\n".encode() * 2, 2)[1][0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n", 400),
        (b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: -3\r\n\r\n", 400),
        (b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000, 431),
        (b"GET /" + b"a" * 100_000, 431),
    ],
)
def test_malformed(connection, sent, status):
    ((found, headers, body),) = exchange(connection, sent)
    assert (found, headers["connection"]) == (status, "close")
    assert json.loads(body)["error"]["type"] == "malformed_request"


def test_targets(connection):
    for target in ("/livez?x=1", "/%6civez", "http://host/livez"):
        assert exchange(connection, f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())[0][0] == 200
    assert exchange(connection, "GET /%ff%00\u00fc HTTP/1.1\r\nhost: x\r\n\r\n".encode("latin-1"))[0][0] in (400, 404)


def test_half_closed(connection):
    """The caller has said everything, but still reads."""
    connection.sendall(post("/add", {"x": 1}))
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1000).endswith(b"2.0")


def test_caller_leaves(worker, client):
    """A caller who does not wait for the answer harms nobody."""
    address = urlsplit(worker.url)
    for sent in (post("/wait_for", {"seconds": 0.05}) * 3, post("/add", {"x": 1})[:-3], b"POST /add"):
        with socket.create_connection((address.hostname, address.port)) as leaving:
            leaving.sendall(sent)
    client.post("/wait_for", json={"seconds": 0.2})
    assert client.post("/add", json={"x": 1}).json() == 2.0
    assert not [line for line in worker.logged() if line["level"] == "error"]
