"""A container that wants more memory than its limit: it comes back, and the reason is told."""

from __future__ import annotations

import httpx
import pytest
from tiny import wait_until
from tiny_docker import Docker, inspect

from jupyter_deploy.image.engine import connect

EATING = """
def answer(x: int) -> int:
    return len(bytearray(b"x") * (x << 20))
"""


def answers(url: str) -> bool:
    try:
        return httpx.post(f"{url}/answer", json={"x": 1}, timeout=60).text == str(1 << 20)
    except httpx.HTTPError:
        return False


def test_a_container_that_is_ended_for_its_memory_is_started_again_and_says_why(docker: Docker) -> None:
    if "memory" not in connect().limited:
        pytest.skip("this engine cannot limit memory")
    url = docker.deploy("one", source=EATING, memory=100 << 20).url
    (container,) = docker.containers()
    assert docker.target.status("tiny")[0].warnings == ()
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"{url}/answer", json={"x": 300}, timeout=60)
    wait_until(lambda: inspect(container, "{{.RestartCount}}") == "1", 60)
    wait_until(lambda: answers(url), 60)
    (warning,) = docker.target.status("tiny")[0].warnings
    assert "started again once, the last time because it used more memory than its limit; --memory" in warning
