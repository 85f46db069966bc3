"""Callers over a few kept connections: at an even rate, or each as soon as it is answered; every answer is checked."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

CONNECTIONS = 4


@dataclass
class Load:
    """What all callers share: where they send, until when, and what came of it."""

    port: int
    rate: float
    """Requests a second, of all together; 0: as many as come."""
    until: float
    version: str
    """The times of other versions' answers are not kept."""
    latencies: list[float] = field(default_factory=list)
    requests: int = 0
    failed: int = 0
    ended: bool = False

    async def call(self, number: int) -> None:
        """Be one caller; a connection that the service ends after an answer is opened anew."""
        due = time.perf_counter() + number / self.rate if self.rate else 0.0
        streams = None
        while time.perf_counter() < self.until and not self.ended:
            if self.rate:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                due += CONNECTIONS / self.rate
            self.requests += 1
            value = self.requests % 1000 + 0.5
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", self.port)
                begun = time.perf_counter()
                head, body = await ask(*streams, value)
                took = time.perf_counter() - begun
            except (OSError, asyncio.IncompleteReadError):
                self.failed += 1
                streams = None
                continue
            self.failed += not head.startswith(b"HTTP/1.1 200") or float(body) != value + 1
            told = head.partition(b"x-nbdeploy-version: ")[2].partition(b"\r\n")[0].decode()
            if told in ("", self.version):
                self.latencies.append(took)
            if b"connection: close" in head:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, value: float) -> tuple[bytes, bytes]:
    """Make one call of `add`; gives the answer's head and body."""
    body = b'{"x": %.1f, "y": 1.0}' % value
    writer.write(b"POST /add HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
                 b"content-length: %d\r\n\r\n%b" % (len(body), body))
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(size)


async def run(port: int, rate: float, seconds: float, version: str) -> dict[str, float]:
    """Load a service for some seconds, or until a line comes on standard input; gives the figures."""
    load = Load(port, rate, time.perf_counter() + seconds, version)
    if not rate:
        def end() -> None:
            load.ended = True

        asyncio.get_running_loop().add_reader(sys.stdin, end)
    await asyncio.gather(*(load.call(number) for number in range(CONNECTIONS)))
    ordered = sorted(load.latencies)
    return {"requests": load.requests, "failed": load.failed, "p50": ordered[len(ordered) // 2],
            "p95": ordered[len(ordered) * 95 // 100]}


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser("python -m benchmarks.steady")
    parser.add_argument("url")
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("version")
    given = parser.parse_args()
    port = int(given.url.rpartition(":")[2])
    sys.stdout.write(json.dumps(asyncio.run(run(port, given.rate, given.seconds, given.version))))


if __name__ == "__main__":
    main()
