"""Requests that arrive together, over HTTP: answered as alone, faster; bounded; and what overload is told."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest
from handmade import ARRAY, FLOAT, entry, write_bundle

from jupyter_deploy.runtime.manifest import Parameter

SERVICE = '''\
import time

import numpy as np


class Model:
    def predict(self, rows):
        time.sleep(0.02)
        if (rows[:, 0] == 13).any():
            raise ValueError("unlucky")
        return np.sqrt(rows).sum(axis=1)


model = Model()


def roots(rows):
    return model.predict(rows)


def root(row):
    return {"root": model.predict(row.reshape(1, -1))[0]}


def add(x, y=1.0):
    return x + y
'''
ENTRIES = (
    entry("roots", Parameter("rows", ARRAY)),
    entry("root", Parameter("row", {"kind": "array", "dtype": "float64", "shape": [2]})),
    entry("add", Parameter("x", FLOAT)),
)
GOLDEN = {
    "roots": {"request": {"rows": [[1.0, 4.0], [9.0, 16.0]]}, "answer": [3.0, 7.0], "kind": "ndarray[float64](2,)"},
    "root": {"request": {"row": [1.0, 4.0]}, "answer": {"root": 3.0}, "kind": "dict{root: numpy.float64}"},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    write_bundle(folder, service=SERVICE, entries=ENTRIES, golden=GOLDEN)
    return folder


async def post_all(url: str, path: str, bodies: list[object]) -> list[httpx.Response]:
    """Send all at once, each over a connection of its own."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        return await asyncio.gather(*[client.post(path, json=body) for body in bodies])


def read_sizes(url: str, name: str) -> tuple[float, float]:
    """Give how many requests were answered in how many batches."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return tuple(
        sum(float(line.split()[1]) for line in lines if line.startswith(f'nbdeploy_batch_size_{part}{{entry="{name}"'))
        for part in ("sum", "count")
    )


BODIES = {
    "roots": [{"rows": [[x, 4.0]] * (1 + x % 3)} for x in range(40)],
    "root": [{"row": [x, 4.0]} for x in range(40)],
}


@pytest.mark.parametrize("name", ["roots", "root"])
def test_answers_as_alone(service, start_supervised, name):
    together, alone = (start_supervised(service, "--batch", option) for option in ("max=16", "off"))
    bodies = [*BODIES[name], {"row": "x"}, {"rows": [[1, None]]}, {}]
    found, expected = (asyncio.run(post_all(worker.url, f"/{name}", bodies)) for worker in (together, alone))
    for one, other in zip(found, expected, strict=True):
        assert one.status_code == other.status_code
        assert one.status_code == 500 or one.content == other.content
    assert [response.status_code for response in found].count(500) == 1
    requests, batches = read_sizes(together.url, name)
    assert requests == len(bodies)
    assert batches < len(bodies) / 2
    assert read_sizes(alone.url, name) == (0, 0)


def test_a_lone_caller_is_answered_alone(service, start_supervised):
    worker = start_supervised(service)
    with httpx.Client(base_url=worker.url) as client:
        for _ in range(5):
            assert client.post("/root", json={"row": [1, 4]}).json() == {"root": 3.0}
    assert read_sizes(worker.url, "root") == (5, 5)


def test_the_log_says_why_not(service, start_supervised):
    worker = start_supervised(service)
    messages = [line["message"] for line in worker.logged()]
    assert "root answers requests together that arrive together" in messages
    assert not [message for message in messages if "add" in message]  # it has no golden call


def test_one_request_of_a_connection_in_a_batch(service, start_supervised):
    """Pipelined requests do not crowd out those of others, and their answers keep their order."""

    async def pipeline(host: str, port: int) -> list[bytes]:
        reader, writer = await asyncio.open_connection(host, port)
        for x in range(8):
            body = json.dumps({"row": [x * x, 0]}).encode()
            writer.write(b"POST /root HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                         % (len(body), body))
        answers = []
        for _ in range(8):
            await reader.readuntil(b"\r\n\r\n")
            answers.append(await reader.readuntil(b"}"))
        writer.close()
        return answers

    worker = start_supervised(service)
    host, _, port = worker.url.removeprefix("http://").partition(":")

    async def run():
        return await asyncio.gather(*[pipeline(host, int(port)) for _ in range(4)])

    for answers in asyncio.run(run()):
        assert [json.loads(answer)["root"] for answer in answers] == [float(x) for x in range(8)]


def test_overload(service, start_supervised):
    """Ten times as many callers as may wait: the rest are told to come again; then all is as before."""
    worker = start_supervised(service, "--max-queue", "20", "--batch", "max=4")
    codes: list[int] = []

    async def call(client: httpx.AsyncClient, until: float) -> None:
        while time.monotonic() < until:
            response = await client.post("/root", json={"row": [1, 4]})
            assert response.status_code == 200 or response.headers["retry-after"] == "1"
            codes.append(response.status_code)

    async def run() -> None:
        async with httpx.AsyncClient(base_url=worker.url, timeout=60, limits=httpx.Limits(max_connections=None)) as client:
            until = time.monotonic() + 3
            await asyncio.gather(*[call(client, until) for _ in range(200)])

    before = read_memory(worker.process.pid)
    asyncio.run(run())
    assert set(codes) == {200, 429}
    assert read_memory(worker.process.pid) - before < 40_000
    assert httpx.post(f"{worker.url}/root", json={"row": [1, 4]}).json() == {"root": 3.0}
    assert "nbdeploy_requests_in_progress 0" in httpx.get(f"{worker.url}/metrics").text


def read_memory(pid: int) -> int:
    """Give the resident memory in kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_a_batch_that_hangs(service, start_supervised, tmp_path):
    slow = SERVICE.replace("time.sleep(0.02)", "time.sleep(60 if (rows[:, 0] == 99).any() else 0.02)")
    write_bundle(tmp_path, service=slow, entries=ENTRIES, golden=GOLDEN)
    worker = start_supervised(tmp_path, "--timeout", "1.5")
    responses = asyncio.run(post_all(worker.url, "/root", [{"row": [99, 4]}] * 3))
    assert {response.status_code for response in responses} <= {504, 503}
    assert worker.wait_event("stuck")["entry"] == "root"
    assert httpx.post(f"{worker.url}/add", json={"x": 1}).json() == 2.0
