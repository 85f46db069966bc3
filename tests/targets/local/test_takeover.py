"""Versions change under load: every request that was sent is answered, by one version or the other."""

from __future__ import annotations

import os
import signal
import threading

import httpx
import pytest
from callers import Load
from tiny import processes


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


def test_the_version_before_rests_and_is_back_at_once(local, until):
    first = local.deploy("one")
    pid = httpx.post(f"{first.url}/answer", json={"x": 1}).json()["pid"]
    local.deploy("two")
    assert httpx.post(f"{first.url}/answer", json={"x": 1}).json()["version"] == "two"
    assert "nbdeploy_model_ready" in httpx.get(f"{first.url}/metrics").text
    local.target.rollback("tiny")
    assert httpx.post(f"{first.url}/answer", json={"x": 1}).json()["pid"] == pid  # the very process
    os.kill(pid, signal.SIGKILL)  # it is watched as any other
    until(lambda: "worker-replaced" in [event["kind"] for event in local.target.status("tiny")[0].events])


def test_a_version_that_died_while_it_rested_is_started_anew(local, until):
    first = local.deploy("one")
    pid = httpx.post(f"{first.url}/answer", json={"x": 1}).json()["pid"]
    local.deploy("two")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not [line for line in processes(local.folder / "bundles" / "one") if "serve" in line])
    assert local.target.rollback("tiny").version == first.version
    assert httpx.post(f"{first.url}/answer", json={"x": 1}).json()["version"] == "one"


def test_a_version_that_rests_as_it_would_not_be_started_is_not_taken(local):
    url = local.deploy("one", timeout=5.0).url
    pid = httpx.post(f"{url}/answer", json={"x": 1}).json()["pid"]
    local.deploy("two", timeout=6.0)
    local.target.rollback("tiny")
    answer = httpx.post(f"{url}/answer", json={"x": 1}).json()
    assert answer["version"] == "one"
    assert answer["pid"] != pid
    local.target.stop("tiny")
    assert not [line for line in processes(local.folder / "bundles") if "serve" in line]


def test_releases_and_rollbacks_again_and_again_lose_nothing(local, until):
    url = local.deploy("one").url
    with Load(url).running() as load:
        for round_ in range(5):
            seen = load.versions()["two"]
            local.deploy("two")
            until(lambda seen=seen: load.versions()["two"] > seen + 10)
            local.target.rollback("tiny")
            if round_ == 2:
                local.deploy("three", canary=0.5)
                local.target.promote("tiny")
                local.target.rollback("tiny")
    assert load.failures == []
