"""A load generator that compares every answer: checks what wrk does not, and stands in where there is no wrk."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httptools
import orjson
import uvloop


class Caller(asyncio.Protocol):
    """One connection: sends the next case as soon as the answer to the one before has come."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._case = 0
        self._begun = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._case = self._run.next_case()
        self._body = b""
        self._begun = time.perf_counter()
        self._transport.write(self._run.requests[self._case])

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self._run.take(self._case, self._parser.get_status_code(), self._body, time.perf_counter() - self._begun)
        if time.perf_counter() < self._run.until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.leave(exc)


class Run:
    """All connections together."""

    def __init__(self, path: str, cases: list[dict[str, Any]], connections: int, seconds: float) -> None:
        self.requests = [_write_request(path, case["body"].encode()) for case in cases]
        self.until = time.perf_counter() + seconds
        self.latencies: list[float] = []
        self.failed = 0
        self._answers = [case["answer"] for case in cases]
        self._known: dict[tuple[int, bytes], bool] = {}
        self._next = 0
        self._open = connections
        self.ended = asyncio.get_running_loop().create_future()

    def next_case(self) -> int:
        """Give the number of the next case."""
        self._next = (self._next + 1) % len(self.requests)
        return self._next

    def take(self, case: int, status: int, body: bytes, seconds: float) -> None:
        """Count an answer; it has to be the notebook's."""
        right = self._known.get((case, body))
        if right is None:
            right = self._known[case, body] = orjson.loads(body) == self._answers[case]
        self.failed += status != 200 or not right
        self.latencies.append(seconds)

    def leave(self, error: Exception | None) -> None:
        """Count a connection that ended."""
        self.failed += error is not None or time.perf_counter() < self.until
        self._open -= 1
        if not self._open:
            self.ended.set_result(None)


def _write_request(path: str, body: bytes) -> bytes:
    return (b"POST %b HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (path.encode(), len(body), body))


async def generate(port: int, path: str, cases: list[dict[str, Any]], connections: int,
                   seconds: float) -> dict[str, float]:
    """Load a server; gives the same figures as wrk.lua."""
    run = Run(path, cases, connections, seconds)
    begun = time.perf_counter()
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(run), "127.0.0.1", port)
    await run.ended
    ordered = sorted(run.latencies)
    return {"requests": len(ordered), "seconds": time.perf_counter() - begun, "failed": run.failed,
            "p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100]}


def main() -> None:
    """Run as a process of its own, so that the load does not share an interpreter with anything."""
    parser = argparse.ArgumentParser("python -m benchmarks.generator")
    for name, kind in (("port", int), ("path", str), ("cases", Path), ("connections", int), ("seconds", float)):
        parser.add_argument(name, type=kind)
    given = parser.parse_args()
    loop = uvloop.new_event_loop()
    cases = json.loads(given.cases.read_text())
    print(json.dumps(loop.run_until_complete(
        generate(given.port, given.path, cases, given.connections, given.seconds))))


if __name__ == "__main__":
    main()
