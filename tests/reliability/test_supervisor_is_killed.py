"""The supervisor is killed under load: nobody is refused, nothing is lost, and it comes back without a person."""

from __future__ import annotations

import fcntl
import os
import signal
import time

import httpx
import pytest
from crowds import Crowd
from tiny import processes

from jupyter_deploy.registry import data_dir
from jupyter_deploy.targets.local.keeper import KEEPER

ROUNDS = 5
CALLERS = 4


def kill_supervisor(local, until):
    """Kill it, and wait for the next one, which nobody asks for."""
    pid = local.supervisor()
    os.kill(pid, signal.SIGKILL)
    until(lambda: local.supervisor() != pid)


def count_restored(local):
    return [event["kind"] for event in local.target.status("tiny")[0].events].count("restored")


def find_keeper(local):
    """Give the process that has the keeper's lock."""
    with (data_dir() / KEEPER).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            own = [int(line.split()[0]) for line in processes(local.folder) if "targets/local" in line]
            return next((pid for pid in own if pid != local.supervisor()), None)
    return None


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_is_lost(local, until, kept):
    url = local.deploy("one", workers=2).url
    with Crowd(url, CALLERS, kept=kept) as crowd:
        for number in range(ROUNDS):
            kill_supervisor(local, until)
            if number % 2:  # else it is killed again while it brings the service back
                until(lambda: local.target.status("tiny")[0].workers == 2)
                time.sleep(0.2)
        until(lambda: count_restored(local))
        goal = crowd.books.outcomes["200"] + 300
        until(lambda: crowd.books.outcomes["200"] >= goal, 60)
    assert set(crowd.books.outcomes) == {"200"}, crowd.books.outcomes
    assert crowd.books.refused == 0
    assert crowd.books.wrong == 0
    assert crowd.books.balanced


def test_one_that_sleeps_is_woken_by_its_next_caller(local, until):
    url = local.deploy("one", min=0, max=1, idle=0.5).url
    until(lambda: local.target.status("tiny")[0].state == "asleep")
    os.kill(local.supervisor(), signal.SIGKILL)
    # It waits in the kernel until somebody is there who starts a worker.
    assert httpx.post(f"{url}/answer", json={"x": 3}, timeout=30).json()["x"] == 3


def test_a_keeper_that_is_killed_is_replaced(local, until):
    url = local.deploy("one").url
    keeper = find_keeper(local)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: find_keeper(local) not in (None, keeper))
    with Crowd(url, CALLERS) as crowd:
        kill_supervisor(local, until)
        until(lambda: count_restored(local))
    assert set(crowd.books.outcomes) == {"200"}
    assert crowd.books.refused == 0


def test_a_canary_goes_on(local, until):
    """Its workers answer their part until both versions have come back."""
    url = local.deploy("one").url
    local.deploy("two", canary=0.5)
    with Crowd(url, CALLERS) as crowd:
        kill_supervisor(local, until)
        until(lambda: local.target.status("tiny")[0].rollout is not None, 60)
    assert set(crowd.books.outcomes) == {"200"}
    assert crowd.books.refused == 0


def test_an_endpoint_that_is_stopped_then_refuses_at_once(local, until):
    url = local.deploy("one").url
    kill_supervisor(local, until)
    local.target.stop("tiny")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez")
