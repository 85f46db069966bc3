"""What a look at an endpoint gives: of a real one, and of samples and log records alone."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import pytest
from live_notebook import LiveNotebook

from jupyter_deploy.errors import TargetError
from jupyter_deploy.metrics import Sample
from jupyter_deploy.registry import add_sample, open_registry, roll_up
from jupyter_deploy.targets.target import find_target
from jupyter_deploy.watch import Snapshot, Watch, find_failures, read_samples, snapshot

HALF = "def half(x):\n    if x < 0:\n        raise ValueError('below zero')\n    return x / 2"


def call(url: str, x: float) -> None:
    request = urllib.request.Request(f"{url}/half", json.dumps({"x": x}).encode(), {"Content-Type": "application/json"})
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30):
        pass


def wait_for_requests(watch: Watch, since: float, requests: int) -> Snapshot:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        seen = watch.look(since)
        if seen.total is not None and seen.total.requests >= requests:
            return seen
        time.sleep(0.1)
    raise AssertionError("the samples did not come")


def test_a_look_at_an_endpoint_under_load(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", HALF, "half(1.0)")
    first = notebook.deploy("half --name watched")
    target, since = find_target("local"), time.time() - 1
    with Watch(target, "watched") as watch:
        assert watch.look(since).failures == ()
        for x in (1.0, 2.0, -1.0, -2.0, 3.0):
            call(first["url"], x)
        seen = wait_for_requests(watch, since, 5)
        assert (seen.total.requests, seen.total.errors) == (5, 2) if seen.total else False
        watch.refresh()
        (failure,) = watch.look(since).failures
        assert (failure.entry, failure.count, failure.version) == ("half", 2, first["version"])
        assert failure.message.endswith("ValueError: below zero")
        assert failure.error_id
        assert failure.cell is not None
        assert "line 3" in failure.cell
        notebook.run("def half(x):\n    return x * 0.5", "half(1.0)")
        second = notebook.deploy("half --name watched")
        described = watch.look(since).describe()
        assert described["status"]["version"] == second["version"]
        assert [(one["number"], one["live"]) for one in described["status"]["versions"]] == [(2, True), (1, False)]
        assert described["status"]["versions"][0]["proof"].items() >= {"calls": 1, "equal": 1}.items()
        assert json.loads(json.dumps(described)) == described
        later = watch.look(seen.samples[-1].time).samples
        assert not {one.time for one in later} & {one.time for one in seen.samples}
    target.stop("watched")
    stopped = snapshot(target, "watched", since).describe()["status"]
    assert (stopped["state"], [one["live"] for one in stopped["versions"]]) == ("stopped", [False, False])


def test_a_look_at_nothing_says_so(jupyter_folders: Path) -> None:
    with pytest.raises(TargetError, match="no local deployment 'nowhere'"):
        snapshot(find_target("local"), "nowhere", 0.0)


def test_the_end_of_a_coarse_history_comes_finely(tmp_path: Path) -> None:
    with closing(open_registry(tmp_path / "registry.db")) as registry:
        for second in range(1, 2001):
            add_sample(registry, "a", Sample(float(second), 1.0, 1, 0, {0.001: 1}))
        roll_up(registry, "a", 2000.0)
        for resolution, widths in ((1, [1] * 900), (60, [60] * 33 + [1] * 20), (900, [900] * 2 + [60] * 3 + [1] * 20)):
            samples = read_samples(registry, "a", 0.0, resolution)
            assert [round(one.seconds) for one in samples] == widths
            assert sum(one.requests for one in samples) == sum(widths)
        assert [one.time for one in read_samples(registry, "a", 1998.0, 1)] == [1999.0, 2000.0]


def test_like_failures_are_one_and_the_latest_is_first() -> None:
    def record(message: str, cell: str, number: int) -> dict[str, object]:
        return {"level": "error", "entry": "f", "message": message, "cell": cell, "version": "v", "error_id": str(number),
                "time": str(number)}

    records = [record("a", "cell 1, line 2", 1), {"level": "info", "message": "ready"}, record("b", "cell 3, line 1", 2),
               record("a", "cell 1, line 2", 3), {"level": "error", "message": "no call"}]
    assert [(one.message, one.cell, one.error_id, one.count) for one in find_failures(records)] == [
        ("a", "cell 1, line 2", "3", 2), ("b", "cell 3, line 1", "2", 1)]
