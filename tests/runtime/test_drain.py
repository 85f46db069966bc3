"""Draining one of two workers that share a listening socket, under load: nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import socket
import time

import httpx
import pytest


async def call(url: str, seen: list[int], stop: asyncio.Event, started: asyncio.Event) -> None:
    """Call over kept-alive connections until told to stop; every call must be answered."""
    async with httpx.AsyncClient(timeout=30) as client:
        while not stop.is_set():
            response = await client.post(f"{url}/add", json={"x": len(seen)})
            assert response.status_code == 200
            seen.append(response.status_code)
            if len(seen) > 200:
                started.set()


async def drain_under_load(url: str, drain) -> int:
    seen: list[int] = []
    stop, started = asyncio.Event(), asyncio.Event()
    callers = [asyncio.ensure_future(call(url, seen, stop, started)) for _ in range(8)]
    await started.wait()
    await asyncio.to_thread(drain)
    before = len(seen)
    while len(seen) < before + 200 and not any(caller.done() for caller in callers):  # noqa: ASYNC110 - others fill it
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*callers)
    return len(seen)


def test_no_request_is_lost(bundle, start_supervised):
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        old, new = (start_supervised(bundle, listener=listener) for _ in range(2))
        old.send(op="accept")
        old.wait_event("accepting")

        def drain():
            new.send(op="accept")
            new.wait_event("accepting")
            old.send(op="drain", seconds=20)
            old.wait_event("drained")
            assert old.process.wait(timeout=30) == 0

        assert asyncio.run(drain_under_load(url, drain)) > 400


def test_call_in_progress_is_answered(bundle, start_alone):
    worker = start_alone(bundle)

    async def run():
        async with httpx.AsyncClient(timeout=30) as client:
            slow = asyncio.ensure_future(client.post(f"{worker.url}/sleep", json={"seconds": 1.0}))
            later = asyncio.ensure_future(client.post(f"{worker.url}/wait_for", json={"seconds": 1.0}))
            while "in_progress 2" not in (await client.get(f"{worker.url}/metrics")).text:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.01)
            worker.process.send_signal(signal.SIGTERM)
            return await asyncio.gather(slow, later)

    for response in asyncio.run(run()):
        assert response.status_code == 200
        assert response.headers["connection"] == "close"
    assert worker.process.wait(timeout=30) == 0


def test_open_connection_is_served_and_closed(bundle, start_supervised):
    worker = start_supervised(bundle)
    with httpx.Client() as client:
        assert client.post(f"{worker.url}/add", json={"x": 1}).headers["connection"] == "keep-alive"
        worker.send(op="drain", seconds=20)
        while True:
            # The connection is the one opened before: a new one would be refused.
            response = client.get(f"{worker.url}/readyz")
            if response.status_code == 503:
                break
            time.sleep(0.01)
        assert response.headers["connection"] == "close"
        with pytest.raises(httpx.ConnectError):
            client.get(f"{worker.url}/readyz")
    worker.wait_event("drained")
    assert worker.process.wait(timeout=30) == 0


def test_idle_connection_does_not_outlast_grace(bundle, start_supervised):
    worker = start_supervised(bundle)
    with httpx.Client() as client:
        client.get(f"{worker.url}/readyz")
        worker.send(op="drain", seconds=0.1)
        worker.wait_event("drained")
        assert worker.process.wait(timeout=30) == 0


def test_supervisor_is_gone(bundle, start_supervised):
    worker = start_supervised(bundle)
    worker.control.shutdown(socket.SHUT_RDWR)
    assert worker.process.wait(timeout=30) == 0
