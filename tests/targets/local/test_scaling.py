"""How many workers a deployment has, as values alone."""

from __future__ import annotations

import pytest

from jupyter_deploy.errors import UsageError
from jupyter_deploy.runtime.manifest import Entry, Manifest
from jupyter_deploy.targets.local.scaling import (
    AUTO,
    Scale,
    check_scale,
    choose_scale,
    count_threads,
    find_most,
    read_scale,
)

GB = 1 << 30
PURE = Manifest("tiny", "3.11", (Entry("answer", "answer", (), {"kind": "any"}),))
CHANGING = Manifest("tiny", "3.11", (Entry("answer", "answer", (), {"kind": "any"}, mutates=True),))


@pytest.mark.parametrize(("known", "said", "expected"), [
    (Scale(), {}, Scale(1, 1)),
    (Scale(2, 2), {}, Scale(2, 2)),
    (Scale(0, 4, 60.0), {}, Scale(0, 4, 60.0)),
    (Scale(0, 4, 60.0), {"workers": 3}, Scale(3, 3, 60.0)),
    (Scale(), {"workers": "auto"}, Scale(1, AUTO)),
    (Scale(), {"workers": "auto", "least": 0, "most": 4, "idle": 5.0}, Scale(0, 4, 5.0)),
    (Scale(2, 2), {"workers": "auto", "most": 4}, Scale(1, 4)),
    (Scale(), {"least": 0}, Scale(0, AUTO)),
    (Scale(), {"most": 4}, Scale(1, 4)),
    (Scale(), {"least": 0, "most": "auto", "idle": 5.0}, Scale(0, AUTO, 5.0)),
    (Scale(0, 4, 60.0), {"idle": 5.0}, Scale(0, 4, 5.0)),
])
def test_what_was_not_said_stays(known, said, expected):
    given = {"workers": None, "least": None, "most": None, "idle": None, **said}
    check_scale(*given.values())
    chosen = choose_scale(known, **given)
    assert chosen == expected
    assert read_scale(chosen.dump()) == chosen


@pytest.mark.parametrize(("said", "words"), [
    ((0, None, None, None), "at least 1 worker, found 0"),
    ((2, 0, None, None), "no --min and no --max"),
    ((None, -1, None, None), "at least 0"),
    ((None, 3, 2, None), "--min 3 is more than --max 2"),
    ((None, 0, 0, None), "at least 1"),
    ((None, 0, None, 0.0), "more than 0 seconds"),
    ((1, None, None, 5.0), r"number is fixed \(1\)"),
    ((None, 2, 2, 5.0), r"number is fixed \(2\)"),
    ((None, None, 1, 5.0), r"number is fixed \(1\)"),
])
def test_what_makes_no_sense_is_refused(said, words):
    with pytest.raises(UsageError, match=words):
        check_scale(*said)


def test_an_idle_time_alone_is_for_a_number_that_changes():
    check_scale(None, None, None, 5.0)
    with pytest.raises(UsageError, match="no worker ever goes"):
        choose_scale(Scale(), None, None, None, 5.0)


@pytest.mark.parametrize(("scale", "manifest", "peak", "cores", "expected"), [
    (Scale(1, 5), PURE, GB, 2, 5),
    (Scale(1, AUTO), PURE, None, 8, 8),
    (Scale(1, AUTO), PURE, GB, 8, 4),
    (Scale(1, AUTO), PURE, 20 * GB, 8, 1),
    (Scale(0, AUTO), PURE, 20 * GB, 8, 1),
    (Scale(3, AUTO), PURE, 20 * GB, 8, 3),
    (Scale(0, AUTO), CHANGING, None, 8, 1),
])
def test_auto_is_what_fits(scale, manifest, peak, cores, expected):
    assert find_most(scale, manifest, peak, cores=cores, memory=8 * GB) == expected


@pytest.mark.parametrize(("grip", "free", "threads", "expected"), [
    ("lets go", 0.9, True, 1),
    ("lets go", 0.8, True, 8),
    ("lets go", 0.9, False, 8),
    ("holds", 0.05, True, 8),
    ("waits", 1.0, True, 8),
    ("unknown", 0.0, True, 8),
])
def test_auto_is_one_where_one_takes_all_cores(grip, free, threads, expected):
    conduct = {"answer": {"grip": grip, "free": free, "threads": threads}}
    assert find_most(Scale(1, AUTO), PURE, None, conduct, cores=8) == expected
    assert find_most(Scale(2, 3), PURE, None, conduct, cores=8) == 3


@pytest.mark.parametrize(("scale", "cores", "expected"), [
    (Scale(1, 1), 8, 8), (Scale(2, 2), 8, 4), (Scale(0, AUTO), 8, 1), (Scale(0, 16), 8, 1), (Scale(1, 3), 8, 2),
])
def test_workers_times_threads_do_not_exceed_the_cores(scale, cores, expected):
    assert count_threads(scale, cores) == expected
