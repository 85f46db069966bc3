"""Calls that take too long, and where calls run."""

from __future__ import annotations

import contextlib

import httpx
import pytest
from handmade import COUNTING, ENTRIES, cell_of, write_bundle


def test_thread_that_hangs(bundle, start_supervised):
    worker = start_supervised(bundle, "--timeout", "0.4")
    response = httpx.post(f"{worker.url}/sleep", json={"seconds": 2})
    assert (response.status_code, response.json()["error"]["type"]) == (504, "timeout")
    stuck = worker.wait_event("stuck")
    assert stuck["entry"] == "sleep"
    assert stuck["cell"] == cell_of("    time.sleep(seconds)")
    assert httpx.post(f"{worker.url}/add", json={"x": 1}).json() == 2.0
    assert httpx.get(f"{worker.url}/livez").status_code == 503
    assert httpx.get(f"{worker.url}/livez", timeout=5).json() == {"live": False}


def test_event_loop_that_hangs(bundle, start_supervised):
    """`hang` was quick when it was warmed up, so it is called in the event loop."""
    worker = start_supervised(bundle, "--timeout", "0.4")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{worker.url}/hang", json={"seconds": 60}, timeout=0.1)
    stuck = worker.wait_event("stuck")
    assert (stuck["entry"], stuck["cell"]) == ("hang", cell_of("    time.sleep(float(seconds))"))
    (line,) = [line for line in worker.logged() if "stack" in line]
    assert "time.sleep(float(seconds))" in line["stack"]


def test_alone_it_ends_when_its_loop_hangs(bundle, start_alone):
    worker = start_alone(bundle, "--timeout", "0.4")
    # Where the call waited for its turn, its caller is told; one that is called as it is read has its connection ended.
    with contextlib.suppress(httpx.TransportError):
        assert httpx.post(f"{worker.url}/hang", json={"seconds": 60}).status_code == 500
    assert worker.process.wait(timeout=30) == 1


def test_async_entry_is_cancelled(bundle, start_supervised):
    worker = start_supervised(bundle, "--timeout", "0.2")
    assert httpx.post(f"{worker.url}/wait_for", json={"seconds": 60}).status_code == 504
    assert httpx.get(f"{worker.url}/livez").status_code == 200


def test_calls_that_change_state_run_one_at_a_time(tmp_path, start_supervised):
    write_bundle(tmp_path, entries=(*COUNTING, ENTRIES[0]))
    worker = start_supervised(tmp_path)
    with httpx.Client(base_url=worker.url) as client:
        assert [client.post("/count", json={}).json() for _ in range(20)] == list(range(1, 21))
        assert client.post("/add", json={"x": 1}).json() == 2.0
