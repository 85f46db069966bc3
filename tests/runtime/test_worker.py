"""A worker's life, seen from outside."""

from __future__ import annotations

import signal
import socket

import httpx


def test_supervised_life(bundle, start_supervised):
    listener = socket.create_server(("127.0.0.1", 0))
    public = f"http://127.0.0.1:{listener.getsockname()[1]}"
    worker = start_supervised(bundle, listener=listener)
    assert worker.wait_event("alive")["in_flight"] == 0
    assert httpx.post(f"{worker.url}/add", json={"x": 2}).json() == 3.0
    worker.send(op="accept")
    worker.wait_event("accepting")
    assert httpx.post(f"{public}/add", json={"x": 2, "y": 5}).json() == 7.0
    worker.process.send_signal(signal.SIGINT)
    assert httpx.get(f"{public}/readyz").status_code == 200
    worker.send(op="drain", seconds=5)
    worker.wait_event("drained")
    assert worker.process.wait(timeout=30) == 0
    listener.close()
