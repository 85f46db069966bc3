"""Passing connections on: what comes through, and that nothing of a connection stays when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jupyter_deploy.targets.local import forwarding
from jupyter_deploy.targets.local.forwarding import Forward
from jupyter_deploy.targets.local.listeners import LOOPBACK, bind_listener

_OPEN = Path("/proc/self/fd")
_Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As a service does on `Connection: close`."""
    writer.write(await reader.readline())
    writer.close()


async def answer_until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As a service does whose callers keep their connections."""
    while line := await reader.readline():
        writer.write(line)
    writer.close()


@asynccontextmanager
async def forwarding_to(answer: _Answer) -> AsyncIterator[Forward]:
    server = await asyncio.start_server(answer, LOOPBACK, 0)
    forward = Forward(bind_listener(LOOPBACK, 0))
    await forward.switch([server.sockets[0].getsockname()[1]])
    try:
        yield forward
    finally:
        await forward.close(0.0)
        server.close()
        await asyncio.sleep(0.1)  # until all ends of connections are closed, too


async def call(forward: Forward, text: bytes, *, half: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, forward.listener.port)
    writer.write(text)
    if half:
        writer.write_eof()
    answer = await reader.readline()
    writer.close()
    return answer


def count_files() -> int:
    return len(list(_OPEN.iterdir()))


async def wait_for_files(number: int) -> None:
    for _ in range(100):
        if count_files() <= number:
            return
        await asyncio.sleep(0.02)
    assert count_files() <= number


@pytest.mark.skipif(not _OPEN.is_dir(), reason="open files are counted as Linux tells them")
@pytest.mark.parametrize("answer", [answer_and_close, answer_until_the_end])
@pytest.mark.parametrize("half", [False, True])
def test_nothing_of_a_connection_stays_open(answer: _Answer, half: bool) -> None:
    async def run() -> None:
        async with forwarding_to(answer) as forward:
            assert await call(forward, b"first\n", half=half) == b"first\n"
            await asyncio.sleep(0.1)
            before = count_files()
            for _ in range(20):
                assert await call(forward, b"again\n", half=half) == b"again\n"
            await wait_for_files(before)
            assert forward.count(forward.ports[0]) == 0

    asyncio.run(run())


def test_one_connection_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "raise_limit", lambda: 4)

    async def run() -> None:
        async with forwarding_to(answer_until_the_end) as forward:
            open_ones = [await asyncio.open_connection(LOOPBACK, forward.listener.port) for _ in range(2)]
            await asyncio.sleep(0.1)
            assert (await call(forward, b"one more\n")).startswith(b"HTTP/1.1 503")
            for reader, writer in open_ones:
                writer.write(b"still here\n")
                assert await reader.readline() == b"still here\n"
                writer.close()
            await asyncio.sleep(0.1)
            assert await call(forward, b"and now\n") == b"and now\n"

    asyncio.run(run())
