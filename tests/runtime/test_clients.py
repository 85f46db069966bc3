"""Callers who take their time, and callers by the thousand."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

POST = b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
BODY = b'{"x": 1}'


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


@pytest.fixture(scope="module")
def strict(bundle, start_supervised):
    return start_supervised(bundle, "--receive", "1")


@pytest.mark.parametrize("begun", [
    b"P", POST % len(BODY), POST % len(BODY) + b"\r\n" + BODY[:4], POST % 5_000 + b"\r\n" + b" " * 400,
], ids=["line", "head", "body", "larger body"])
def test_a_request_that_does_not_come_to_its_end_is_given_up(strict, begun):
    with connect(strict.url) as sock:
        sock.sendall(begun)
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert sock.recv(65536) == b""


def test_drop_by_drop(strict):
    """It never falls silent, and is given up all the same; others are answered meanwhile."""
    with connect(strict.url) as slow, httpx.Client(base_url=strict.url) as client:
        slow.setblocking(False)
        slow.send(POST % len(BODY))
        end = time.monotonic() + 30
        answer = b""
        while not answer and time.monotonic() < end:
            assert client.post("/add", json={"x": 1}).json() == 2.0
            try:
                slow.send(b"x: y\r\n")
                answer = slow.recv(65536)
            except BlockingIOError:
                time.sleep(0.05)
        assert answer.startswith(b"HTTP/1.1 408")


def test_a_large_body_may_take_its_time(strict):
    """More than a second, but at more than 500 bytes a second."""
    body = BODY + b" " * 8_000
    with connect(strict.url) as sock:
        sock.sendall(POST % len(body) + b"\r\n")
        for start in range(0, len(body), 1_000):
            sock.sendall(body[start : start + 1_000])
            time.sleep(0.3)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")


IDLE = """\
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (12_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
address, number = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3])
held = [socket.create_connection(address) for _ in range(number)]
print(len(held), flush=True)
sys.stdin.read()
"""
"""In a process of its own: each end of a connection is an open file."""


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 12_000, reason="fewer open files are allowed")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_ten_thousand_idle_connections(bundle, start_supervised):
    worker = start_supervised(bundle)
    assert httpx.post(f"{worker.url}/add", json={"x": 1}).json() == 2.0
    before = resident(worker.process.pid)
    host, _, port = worker.url.removeprefix("http://").partition(":")
    with subprocess.Popen([sys.executable, "-c", IDLE, host, port, "10000"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout.readline() == "10000\n"
        with httpx.Client(base_url=worker.url, timeout=30) as client:
            assert [client.post("/add", json={"x": x}).json() for x in range(100)] == [x + 1.0 for x in range(100)]
        assert (resident(worker.process.pid) - before) / 10_000 < 10_000  # bytes each
        idle.kill()
    assert httpx.post(f"{worker.url}/add", json={"x": 1}).json() == 2.0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
def test_more_connections_than_open_files(bundle, start_supervised):
    """The worker says so; those that it has go on, and when some have gone there is room again."""
    worker = start_supervised(bundle, ready=False)
    # While it starts: later it has asked how many it may have.
    resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE, (256, 256))
    worker.url = f"http://127.0.0.1:{worker.wait_event('ready')['port']}"
    held = []
    refused = None
    for _ in range(300):
        sock = connect(worker.url)
        held.append(sock)
        sock.sendall(POST % len(BODY) + b"\r\n" + BODY)
        answer = sock.recv(65536)
        if b" 503 " in answer.partition(b"\r\n")[0]:
            refused = answer
            break
        assert answer.startswith(b"HTTP/1.1 200")
    assert refused is not None
    assert b"retry-after: 1\r\n" in refused
    assert b"too many connections" in refused
    assert len(held) > 100
    held[0].sendall(POST % len(BODY) + b"\r\n" + BODY)
    assert held[0].recv(65536).startswith(b"HTTP/1.1 200")
    for sock in held:
        sock.close()
    end = time.monotonic() + 20
    while httpx.post(f"{worker.url}/add", json={"x": 1}).status_code != 200:
        assert time.monotonic() < end
