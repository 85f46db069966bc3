"""Limits: the body's size, the queue, the key."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def limited(bundle, start_supervised):
    digest = hashlib.sha256(b"secret").hexdigest()
    return start_supervised(bundle, "--max-body", "1000", "--max-queue", "2", "--api-key-digest", digest)


@pytest.fixture
def keyed(limited):
    with httpx.Client(base_url=limited.url, headers={"x-api-key": "secret"}) as client:
        yield client


def test_declared_length(keyed):
    assert keyed.post("/add", content=b" " * 1001, headers=JSON).status_code == 413


def test_chunked(keyed):
    response = keyed.post("/add", content=(b" " * 100 for _ in range(30)), headers=JSON)
    assert response.status_code == 413
    assert keyed.post("/add", json={"x": 1}).status_code == 200


def test_huge_body_is_not_kept(limited):
    address = urlsplit(limited.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    blocks = (bytes(1 << 20) for _ in range(100))
    connection.request("POST", "/add", blocks, {**JSON, "x-api-key": "secret"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    status = Path(f"/proc/{limited.process.pid}/status").read_text()
    (peak,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    (now,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
    assert peak - now < 20_000  # kB


def test_queue(limited, keyed):
    async def fill():
        async with httpx.AsyncClient(base_url=limited.url, headers={"x-api-key": "secret"}, timeout=30) as client:
            slow = [asyncio.ensure_future(client.post("/wait_for", json={"seconds": 1.0})) for _ in range(2)]
            while "in_progress 2" not in (await client.get("/metrics")).text:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.01)
            refused = await client.post("/add", json={"x": 1})
            return refused, await asyncio.gather(*slow)

    refused, answered = asyncio.run(fill())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert [response.status_code for response in answered] == [200, 200]
    assert keyed.post("/add", json={"x": 1}).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/add", {}, 401),
        ("/add", {"x-api-key": "wrong"}, 401),
        ("/add", {"x-api-key": "secret"}, 200),
        ("/add", {"authorization": "Bearer secret"}, 200),
        ("/add", {"authorization": "bearer secret"}, 200),
        ("/add", {"authorization": "Basic secret"}, 401),
        ("/v2/models/add/infer", {}, 401),
        ("/invocations", {}, 401),
    ],
)
def test_key(limited, path, headers, status):
    assert httpx.post(limited.url + path, json={"x": 1}, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [("/livez", 200), ("/readyz", 200), ("/ping", 200), ("/docs", 200), ("/openapi.json", 401), ("/metrics", 401),
     ("/", 401), ("/v2", 401)],
)
def test_open_pages(limited, path, status):
    assert httpx.get(limited.url + path).status_code == status
