"""The feed of a real endpoint: what it says, to whom, and when it falls silent."""

from __future__ import annotations

import json
import queue
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from live_notebook import LiveNotebook

from jupyter_deploy.targets.target import find_target
from jupyter_deploy.widget import feed as feed_module
from jupyter_deploy.widget.feed import Feed

HALF = "def half(x):\n    if x < 0:\n        raise ValueError('below zero')\n    return x / 2"

Message = dict[str, Any]


class Heard:
    """What a feed has sent."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def wait(self, wanted: Callable[[Message], bool]) -> Message:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with suppress(queue.Empty):
                message = self.messages.get(timeout=1)
                json.dumps(message)
                if wanted(message):
                    return message
        raise AssertionError("it was not said")

    def wait_for(self, kind: str, *keys: str) -> Message:
        return self.wait(lambda one: one["kind"] == kind and all(one.get(key) for key in keys))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def feed(notebook: LiveNotebook, heard: Heard) -> Iterator[Feed]:
    notebook.run("%load_ext jupyter_deploy", HALF, "half(1.0)")
    notebook.deploy("half --name watched")
    feed = Feed(find_target("local"), "watched", heard.messages.put)
    yield feed
    feed.receive({"op": "leave", "view": "a"})
    wait_until_silent(feed)


def wait_until_silent(feed: Feed) -> None:
    end = time.monotonic() + 30
    while feed.running:
        assert time.monotonic() < end
        time.sleep(0.05)


def call(url: str, x: float) -> None:
    request = urllib.request.Request(f"{url}/half", json.dumps({"x": x}).encode(), {"Content-Type": "application/json"})
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30):
        pass


def test_news_come_while_somebody_looks_and_only_then(feed: Feed, heard: Heard) -> None:
    assert not feed.running
    begun = feed.begin()
    assert begun["whole"]
    assert begun["status"]["curl"].startswith(f"curl {begun['status']['url']}/half")
    feed.receive({"op": "look", "view": "a", "new": True})
    feed.receive({"op": "look", "view": "b", "new": True})
    assert heard.wait_for("news", "whole")["status"]["state"] == "live"
    for x in (1.0, 2.0, -1.0):
        call(begun["status"]["url"], x)
    requests = begun["fields"].index("requests")
    counted = 0
    while counted < 3:
        counted += sum(row[requests] for row in heard.wait_for("news", "samples")["samples"])
    assert counted == 3
    assert heard.wait_for("news", "failures")["failures"][0]["cell"].endswith("line 3")
    feed.receive({"op": "leave", "view": "b"})
    assert feed.running
    assert "status" not in heard.wait_for("news")
    feed.receive({"op": "leave", "view": "a"})
    wait_until_silent(feed)


def test_a_view_that_is_gone_without_a_word_is_forgotten(feed: Feed, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "LEASE", 0.5)
    feed.receive({"op": "look", "view": "lost", "new": True})
    heard.wait_for("news", "whole")
    wait_until_silent(feed)


def test_histories_are_given_to_the_view_that_asks(feed: Feed, heard: Heard) -> None:
    feed.receive({"op": "look", "view": "a", "new": True})
    for span, seconds in (("day", 86400), ("month", 31 * 86400)):
        feed.receive({"op": "history", "view": "a", "range": span})
        told = heard.wait_for("history")
        assert (told["view"], told["range"], round(told["time"] - told["since"])) == ("a", span, seconds)


def test_the_buttons_act_and_say_what_came_of_it(feed: Feed, heard: Heard, notebook: LiveNotebook) -> None:
    feed.receive({"op": "look", "view": "a", "new": True})
    feed.receive({"op": "rollback", "view": "a"})
    refused = heard.wait_for("done")
    assert refused["failed"]
    assert "no version before" in refused["text"]
    notebook.run("def half(x):\n    return x * 0.5", "half(1.0)")
    second = notebook.deploy("half --name watched")["version"]
    heard.wait(lambda one: one.get("status", {}).get("version") == second)
    feed.receive({"op": "rollback", "view": "a"})
    assert heard.wait_for("done") | {"text": ""} == {"kind": "done", "op": "rollback", "failed": False, "text": ""}
    assert heard.wait_for("news", "status")["status"]["version"] != second
    for op, state in (("stop", "stopped"), ("start", "live")):
        feed.receive({"op": op, "view": "a"})
        assert not heard.wait_for("done")["failed"]
        heard.wait(lambda one, state=state: one.get("status", {}).get("state") == state)


def test_a_version_that_is_tried_is_told_and_promoted(feed: Feed, heard: Heard, notebook: LiveNotebook) -> None:
    feed.receive({"op": "look", "view": "a", "new": True})
    notebook.run("def half(x):\n    return x * 0.5", "half(1.0)")
    second = notebook.deploy("half --name watched --canary 50%")["version"]
    url = heard.wait(lambda one: (one.get("status", {}).get("rollout") or {}).get("version") == second)["status"]["url"]
    for x in (1.0, 2.0, 3.0, 4.0):
        call(url, x)
    heard.wait(lambda one: (one.get("status", {}).get("rollout") or {"figures": {"other": {"requests": 0}}})
               ["figures"]["other"]["requests"] == 2)
    feed.receive({"op": "promote", "view": "a"})
    assert heard.wait_for("done")["text"] == f"Version {second} is live."
    assert heard.wait(lambda one: one.get("status", {}).get("version") == second)["status"]["rollout"] is None
    feed.receive({"op": "abort", "view": "a"})
    assert "no version is tried" in heard.wait_for("done")["text"]


def test_an_endpoint_that_is_deleted_is_told(feed: Feed, heard: Heard) -> None:
    feed.receive({"op": "look", "view": "a", "new": True})
    heard.wait_for("news", "whole")
    find_target("local").delete("watched")
    assert "no local deployment 'watched'" in heard.wait_for("trouble")["text"]
