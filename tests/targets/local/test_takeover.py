"""Versions change under load: every request that was sent is answered, by one version or the other."""

from __future__ import annotations

import threading

import httpx
import pytest
from callers import Load


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_is_lost_when_a_version_takes_over_and_is_rolled_back(local, until, workers):
    first = local.deploy("one", workers=workers)
    with Load(first.url).running() as load:
        until(lambda: load.versions()["one"] > 50)
        second = local.deploy("two", workers=workers)
        assert second.url == first.url
        until(lambda: load.versions()["two"] > 50)
        assert local.target.rollback("tiny").version == first.version
        seen = load.versions()["one"]
        until(lambda: load.versions()["one"] > seen + 50)
    assert load.failures == []
    (status,) = local.target.status("tiny")
    assert [event["kind"] for event in status.events] == ["deployed", "deployed", "rolled-back"]
    assert [(item.number, item.version) for item in status.versions] == [(2, second.version), (1, first.version)]


def test_a_call_under_way_is_answered_by_the_version_that_took_it(local, until):
    url = local.deploy("one").url
    answers = []
    caller = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/wait", json={"x": 1.5}).json()))
    caller.start()
    until(lambda: "in_progress 1" in httpx.get(f"{url}/metrics").text)
    local.deploy("two")
    assert httpx.post(f"{url}/answer", json={"x": 1}).json()["version"] == "two"
    caller.join()
    assert answers == [1.5]


def test_stop_answers_what_was_accepted(local, until):
    url = local.deploy("one").url
    answers = []
    caller = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/wait", json={"x": 1.0}).json()))
    caller.start()
    until(lambda: "in_progress 1" in httpx.get(f"{url}/metrics").text)
    local.target.stop("tiny")
    caller.join()
    assert answers == [1.0]
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
