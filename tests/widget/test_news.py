"""News: only what has changed, and the sum of the last minutes."""

from __future__ import annotations

import random

from jupyter_deploy.metrics import Sample, combine_samples
from jupyter_deploy.targets.target import Status
from jupyter_deploy.watch import Snapshot, Window
from jupyter_deploy.widget.news import FIELDS, WINDOW, Teller

LIVE = Status("a", "local", "live", "http://127.0.0.1:1", "v1", 1, 1)


def look(time: float, *samples: Sample, status: Status = LIVE) -> Snapshot:
    return Snapshot("a", time, 0.0, 1, status, samples, ())


def sample(time: float) -> Sample:
    chance = random.Random(int(time))
    return Sample(time, 1.0, 10, 1, {0.001: chance.randrange(9), 0.1: 1}, chance.randrange(5), 1, 0.25, chance.randrange(99))


def test_only_what_has_changed_is_told() -> None:
    teller = Teller()
    first = teller.tell(look(1001.0, sample(1000.0)))
    assert {key for key, value in first.items() if value is not None} == {
        "kind", "time", "whole", "window", "fields", "samples", "total", "status", "failures"}
    assert dict(zip(FIELDS, first["samples"][0], strict=True))["requests"] == 10
    assert teller.since == 1000.0
    assert teller.tell(look(1002.0)) == {"kind": "news", "time": 1002.0}
    assert teller.tell(look(1003.0, sample(1002.0))).keys() == {"kind", "time", "samples", "total"}
    stopped = Status("a", "local", "stopped", "http://127.0.0.1:1", "v1", 0, 1)
    assert teller.tell(look(1004.0, status=stopped))["status"]["state"] == "stopped"
    teller.forget()
    assert teller.tell(look(1005.0))["whole"]


def test_the_sum_of_the_window_is_that_of_its_samples() -> None:
    window = Window(WINDOW)
    assert window.total is None
    samples = [sample(float(second)) for second in range(1, 1000)]
    for one in samples:
        window.move([one], one.time)
    total = combine_samples([one for one in samples if one.time > 999.0 - WINDOW])
    assert window.total is not None
    assert window.total.describe() == total.describe()
    window.move([], 5000.0)
    assert (window.total, window.end) == (None, None)
