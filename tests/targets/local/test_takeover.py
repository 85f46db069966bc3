"""Versions change under load: every request that was sent is answered, by one version or the other."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager

import httpx
import pytest


class Load:
    """Callers that send one request after the other over connections that they keep."""

    def __init__(self, url):
        self.answers = []
        self.failures = []
        self._url = url
        self._end = threading.Event()

    def versions(self):
        return Counter(answer["version"] for answer in list(self.answers))

    def _call(self):
        with httpx.Client(base_url=self._url) as client:
            number = 0
            while not self._end.is_set():
                number += 1
                try:
                    response = client.post("/answer", json={"x": number})
                    assert response.status_code == 200, response.text
                    assert response.json()["x"] == number
                    self.answers.append(response.json())
                except Exception as error:
                    self.failures.append(repr(error))

    @contextmanager
    def running(self, callers=4):
        threads = [threading.Thread(target=self._call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._end.set()
            for thread in threads:
                thread.join()


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
