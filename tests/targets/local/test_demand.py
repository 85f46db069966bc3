"""How many workers are decided on: at once when it hurts, slowly fewer, and never to and fro."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jupyter_deploy.targets.local.demand import Demand, Load, judge

IDLE = Load(cpu=0.01)
EASY = Load(cpu=0.3, progress=1, in_flight=1)
BUSY = Load(cpu=0.65, progress=2, in_flight=2)
STRAINED = Load(cpu=0.98, progress=16, in_flight=16, callers=16, waited=0.2, strained=True)


@pytest.mark.parametrize(
    ("loads", "workers"),
    [
        ([IDLE], 1),
        ([EASY], 1),
        ([STRAINED], 2),
        ([STRAINED, STRAINED], 4),
        ([STRAINED, EASY], 3),
        ([IDLE, IDLE], 1),
        ([BUSY, BUSY], 2),
        ([EASY, EASY, EASY, EASY], 2),
    ],
)
def test_how_many_would_do(loads, workers):
    assert judge(loads).workers == workers


def play(demand, seconds, load, workers, began=0.0):
    """Let workers with one load be for a while, following each decision; gives their number, second by second."""
    seen = []
    for second in range(seconds):
        need = demand.decide(began + second, [load] * workers)
        workers = workers if need is None else need.workers
        seen.append(workers)
    return seen


def test_it_doubles_at_once_and_keeps_to_the_most():
    assert play(Demand(1, 6, 10.0), 4, STRAINED, 1) == [2, 4, 6, 6]


def test_fewer_only_when_fewer_would_have_done_for_the_whole_time_and_one_at_a_time():
    demand = Demand(1, 8, 5.0)
    assert play(demand, 2, STRAINED, 2) == [4, 8]
    shrinking = play(demand, 16, IDLE, 8, began=2.0)
    assert shrinking[:4] == [8] * 4
    assert all(before - after in (0, 1) for before, after in pairwise(shrinking))
    assert shrinking[-1] == 1


def test_it_does_not_flap_under_a_load_that_comes_and_goes():
    demand, workers, seen = Demand(1, 4, 10.0), 1, []
    for second in range(120):
        # Three seconds of rush in every eight, fewer than the time to settle.
        need = demand.decide(float(second), [STRAINED if second % 8 < 3 else IDLE] * workers)
        workers = workers if need is None else need.workers
        seen.append(workers)
    assert seen[10:] == [4] * 110


def test_never_fewer_than_the_least():
    demand = Demand(2, 4, 1.0)
    assert play(demand, 10, IDLE, 4)[-1] == 2
