"""A disk that is full: what is served goes on, and the books are kept again when there is room."""

from __future__ import annotations

import contextlib
import os
import signal
from contextlib import closing

import httpx
import pytest
from small_disk import mount_small_disk
from tiny import wait_until

from jupyter_deploy.registry import data_dir, open_registry, registry_path
from jupyter_deploy.targets.local.client import stop_supervisor

SIZE = 24 << 20


@pytest.fixture
def small_disk(local, tmp_path):
    """Put the data folder on a disk of 24 MB."""
    with mount_small_disk(tmp_path / "data", SIZE):
        yield local
        stop_supervisor()


def fill(path) -> None:
    """Write until there is no room at all."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_takes_nothing_down(small_disk):
    local = small_disk
    url = local.deploy("one", workers=2).url

    def ask(x):
        return httpx.post(f"{url}/answer", json={"x": x}).json()

    def ask_many():
        with httpx.Client(base_url=url) as client:
            return [client.post("/answer", json={"x": x}).json()["x"] for x in range(100)] == list(range(100))

    assert ask_many()
    filler = data_dir() / "filler"
    fill(filler)
    with pytest.raises(OSError, match="No space"):
        (data_dir() / "more").write_bytes(bytes(4096))
    assert ask_many()
    # A worker dies: its place is taken though neither its counters nor the event can be written.
    victim = ask(1)["pid"]
    os.kill(victim, signal.SIGKILL)

    def pids():
        return local.target.status("tiny")[0].details["pids"]

    wait_until(lambda: len(pids()) == 2 and victim not in pids())
    with closing(open_registry(registry_path())) as registry:
        assert registry.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert ask_many()
    assert "nbdeploy_requests_total" in httpx.get(f"{url}/metrics").text
    filler.unlink()
    (data_dir() / "more").unlink(missing_ok=True)
    # With room, the next event is written, and those before it.
    os.kill(ask(1)["pid"], signal.SIGKILL)

    def kinds():
        return [event["kind"] for event in local.target.status("tiny")[0].events]

    wait_until(lambda: kinds().count("worker-replaced") == 2)
    assert kinds().count("worker-died") == 2
    assert ask_many()
