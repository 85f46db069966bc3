"""Callers who keep a service busy, and account for every request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter


class Books:
    """What became of each request: its status, or that its connection ended."""

    def __init__(self) -> None:
        self.sent = 0
        self.outcomes: Counter[str] = Counter()
        self.wrong = 0
        self.refused = 0
        """How often nobody listened."""

    @property
    def lost(self) -> int:
        return self.outcomes["lost"]

    @property
    def balanced(self) -> bool:
        return self.sent == sum(self.outcomes.values())


class Crowd:
    """Callers in a thread of their own, each with a connection that it keeps, one request after the other.

    A caller whose connection ends counts one request as lost and makes a new one; one that cannot connect tries again,
    as nothing of it was ever taken on. Without `kept`, each request comes on a connection of its own.
    """

    def __init__(self, url: str, callers: int, *, kept: bool = True) -> None:
        self._kept = kept
        self.books = Books()
        self._address = url.removeprefix("http://").split(":")
        self._callers = callers
        self._ending = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._play()))

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._thread.join(60)
        assert not self._thread.is_alive()

    async def _play(self) -> None:
        await asyncio.gather(*(self._call(number) for number in range(self._callers)))

    async def _call(self, number: int) -> None:
        x = number
        while not self._ending:
            try:
                reader, writer = await asyncio.open_connection(*self._address)
            except ConnectionRefusedError:
                self.books.refused += 1
                await asyncio.sleep(0.01)
                continue
            try:
                while not self._ending:
                    x += self._callers
                    if not await self._ask(reader, writer, x) or not self._kept:
                        break
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, x: int) -> bool:
        """Make a call; tells whether the connection goes on."""
        body = json.dumps({"x": x}).encode()
        self.books.sent += 1
        try:
            writer.write(b"POST /answer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                         % (len(body), body))
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            answer = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.books.outcomes["lost"] += 1
            return False
        status = head.split(" ", 2)[1]
        self.books.outcomes[status] += 1
        self.books.wrong += status == "200" and json.loads(answer)["x"] != x
        return "connection: close" not in head
