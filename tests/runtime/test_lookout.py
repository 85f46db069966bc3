"""How the event loop waits for a lone caller's next request."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import perf_counter

import pytest

from jupyter_deploy.runtime.lookout import LEAST, MOST, WINDOW, Lookout


def answer(lookout: Lookout, requests: int) -> None:
    """Tell of requests that each came at once after the answer before."""
    for _ in range(requests):
        now = perf_counter()
        lookout.answered(now, now)


async def wait_until_it_sleeps(lookout: Lookout) -> None:
    while lookout.looking:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(WINDOW)


async def look_for_requests_that_come_at_once() -> None:
    lookout = Lookout()
    answer(lookout, LEAST)
    begins = [lookout.looking]
    answer(lookout, 1)
    begins.append(lookout.looking)
    await wait_until_it_sleeps(lookout)
    for requests in (LEAST + 1, LEAST):  # it was in vain, so more of them have to come
        answer(lookout, requests)
        begins.append(lookout.looking)
    await wait_until_it_sleeps(lookout)
    assert begins == [False, True, False, True]


async def sleep_between_requests_that_take_longer() -> None:
    lookout = Lookout()
    for number in range(10 * LEAST):
        lookout.answered(number * 2 * WINDOW, number * 2 * WINDOW)
        assert not lookout.looking


async def sleep_where_several_callers_are_answered_together() -> None:
    lookout = Lookout()
    answer(lookout, LEAST)
    lookout.crowd()
    answer(lookout, LEAST - 1)
    assert not lookout.looking


async def look_again_however_often_it_was_in_vain() -> None:
    lookout = Lookout()
    for _ in range(20):
        answer(lookout, MOST + 1)
        assert lookout.looking
        await wait_until_it_sleeps(lookout)


@pytest.mark.parametrize("case", [
    look_for_requests_that_come_at_once(), sleep_between_requests_that_take_longer(),
    sleep_where_several_callers_are_answered_together(), look_again_however_often_it_was_in_vain(),
], ids=lambda case: case.__name__)
def test_lookout(case: Coroutine[None, None, None]) -> None:
    asyncio.run(case)
