"""Copies of requests leave together, over a real connection, and only some of them are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

import pytest

from jupyter_deploy.runtime.copies import LARGEST, Copy, Reader
from jupyter_deploy.runtime.copying import BULK, MOST, PAUSE, Copier
from jupyter_deploy.runtime.counters import Counters
from jupyter_deploy.runtime.messages import Answer, Request

HEADERS = {b"content-type": b"application/json"}


@dataclass
class Other:
    """The version that gets the copies."""

    copies: list[Copy] = field(default_factory=list)

    async def read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what comes until the end."""
        copies = Reader()
        while data := await reader.read(1 << 24):
            self.copies += copies.feed(data)
        writer.close()

    async def wait(self, number: int) -> None:
        """Wait until so many copies have come."""
        while len(self.copies) < number:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(PAUSE / 10)


async def begin() -> tuple[Copier, Other, Counters, asyncio.AbstractServer]:
    """Give a copier that is connected, and the other end."""
    other = Other()
    server = await asyncio.start_server(other.read, "127.0.0.1", 0, limit=1 << 24)
    counters = Counters("add", "1", ["add"], None)
    copier = Copier([server.sockets[0].getsockname()[1]], "2", counters)
    await asyncio.gather(*copier._connecting)  # before, copies are dropped
    return copier, other, counters, server


def copy(copier: Copier, number: int, body: bytes = b"") -> None:
    copier.copy(Request("POST", "/add", HEADERS, body or b"%d" % number), Answer(200, b"%d" % (number + 1), ()))


async def send_few_together_after_a_pause() -> None:
    copier, other, _, server = await begin()
    for number in range(MOST - 1):
        copy(copier, number)
    await asyncio.sleep(0)
    assert not other.copies
    await other.wait(MOST - 1)
    assert [(one.request.body, one.answer) for one in other.copies] == [
        (b"%d" % number, b"%d" % (number + 1)) for number in range(MOST - 1)]
    assert other.copies[0].request.headers == HEADERS
    copier.end()
    server.close()


async def send_many_at_once_and_begin_anew() -> None:
    copier, other, _, server = await begin()
    for number in range(2 * MOST + 1):
        copy(copier, number)
    await other.wait(2 * MOST)
    assert len(other.copies) == 2 * MOST
    await other.wait(2 * MOST + 1)
    copier.end()
    server.close()


async def send_large_ones_at_once() -> None:
    copier, other, _, server = await begin()
    copy(copier, 1, bytes(BULK))
    copy(copier, 2)
    await other.wait(1)
    assert [len(one.request.body) for one in other.copies] == [BULK]
    await other.wait(2)
    copier.end()
    server.close()


async def drop_what_is_too_large_or_was_not_answered() -> None:
    copier, other, counters, server = await begin()
    copy(copier, 1, bytes(LARGEST + 1))
    copier.copy(Request("POST", "/add", HEADERS, b"1"), Answer(429, b"later", ()))
    copy(copier, 2)
    await other.wait(1)
    assert [one.request.body for one in other.copies] == [b"2"]
    assert counters.slots[counters.shadow["dropped"]] == 1
    copier.end()
    server.close()


async def drop_all_when_the_other_is_gone() -> None:
    copier, other, counters, server = await begin()
    copier.end()
    await asyncio.sleep(PAUSE / 5)
    for number in range(MOST):
        copy(copier, number)
    assert counters.slots[counters.shadow["dropped"]] == MOST
    assert not other.copies
    server.close()


@pytest.mark.parametrize("play", [
    send_few_together_after_a_pause(), send_many_at_once_and_begin_anew(), send_large_ones_at_once(),
    drop_what_is_too_large_or_was_not_answered(), drop_all_when_the_other_is_gone(),
], ids=lambda play: play.__name__)
def test_copies(play: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(play, 10))
