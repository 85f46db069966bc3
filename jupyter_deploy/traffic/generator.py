"""The generator of load, as a process of its own: `python -m jupyter_deploy.traffic.generator JOB`.

It is an open loop: a request is due at its moment, whether those before it were answered or not, and its latency counts
from then. A service that stalls is not asked less often, and what waits meanwhile is not forgotten in the percentiles.

It writes a line of JSON for each second, and one at the end. When its standard input ends, it stops to send.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections import Counter, deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop

from jupyter_deploy.traffic.connection import Connection, Head
from jupyter_deploy.traffic.figures import Second, step_of
from jupyter_deploy.traffic.job import Job, parse_job
from jupyter_deploy.traffic.judge import Judge

SILENCE = 1.0
"""Seconds without a request, after which the next one is a first one."""
_TICK = 0.001
_PAUSE = 0.02
"""Seconds until a connection is tried again that could not be made."""


class Run:
    """All connections together."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._due = job.due()
        self._requests = [case.request for case in job.cases]
        self._loop = asyncio.get_running_loop()
        self._free: deque[Connection] = deque()
        self._open = 0
        self._opening = 0
        self._under_way = 0
        self._retry_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._heads: dict[bytes, Head] = {}
        self._judge = Judge(job.cases, job.tolerance)
        self._others: dict[str, Judge] = {}
        self._end = job.seconds
        self._begin = time.perf_counter() + 0.05
        self._next, self._next_case = next(self._due, (float("inf"), 0))
        self._sent_at = -SILENCE
        self._first: Connection | None = None
        self._firsts: list[tuple[float, float]] = []
        self._reasons: Counter[str] = Counter()
        self._last_answer = 0.0
        self._second = 0
        self._cpu = _processor_time()
        self._clear()
        self.stopped = False

    def _clear(self) -> None:
        self._sent = self._wrong = self._lost = 0
        self._answered: Counter[str] = Counter()
        self._latency: dict[int, int] = {}

    def _now(self) -> float:
        return time.perf_counter() - self._begin

    # Sending.

    def _send(self, connection: Connection) -> None:
        """Send the next request that is due."""
        connection.due, connection.case = self._next, self._next_case
        if self._next - self._sent_at >= SILENCE:
            self._first = connection
        self._sent_at = self._next
        self._next, self._next_case = next(self._due, (float("inf"), 0))
        self._sent += 1
        self._under_way += 1
        connection.transport.write(self._requests[connection.case])

    def tick(self) -> None:
        """Send what is due, as far as there are connections, and open more for the rest."""
        now = self._now()
        while self._next <= now and self._free:
            self._send(self._free.pop())
        if self._next <= now and self._open + self._opening < self._job.connections and now >= self._retry_at:
            for _ in range(min(self._count_due(now), self._job.connections - self._open) - self._opening):
                self._opening += 1
                task = self._loop.create_task(self._connect())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if int(now) > self._second:
            self._flush(int(now))

    def _count_due(self, now: float) -> int:
        """Estimate how many wait, from the next alone: at least one, and all connections if it is late."""
        return 1 if now - self._next < _TICK * 5 else self._job.connections

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: Connection(self, self._heads), self._job.host, self._job.port)
        except OSError as error:
            self._opening -= 1
            now = self._now()
            self._retry_at = now + _PAUSE
            if self._next <= now:
                # Its caller would have been told so.
                self._next, self._next_case = next(self._due, (float("inf"), 0))
                self._lose(f"cannot connect: {error.strerror or error}")

    def welcome(self, connection: Connection) -> None:
        """Use a new connection."""
        self._opening -= 1
        self._open += 1
        self._use(connection, self._now())

    def _use(self, connection: Connection, now: float) -> None:
        if self._next <= now:
            self._send(connection)
        else:
            self._free.append(connection)

    # Receiving.

    def take(self, connection: Connection, head: Head, body: bytes) -> None:
        """Count an answer, and send the next request."""
        now = self._now()
        case, seconds = connection.case, now - connection.due
        connection.case = -1
        self._under_way -= 1
        self._last_answer = now
        self._answered[head.status] += 1
        if head.status == "200":
            step = step_of(seconds)
            self._latency[step] = self._latency.get(step, 0) + 1
            if head.version is None or head.version == self._job.version:
                self._wrong += not self._judge.take(case, body)
            else:
                self._judge_other(head.version).take(case, body)
        if connection is self._first:
            self._first = None
            self._firsts.append((connection.due, seconds))
        if not head.last:
            self._use(connection, now)

    def _judge_other(self, version: str) -> Judge:
        """Give the judge of a version that is tried beside the one whose calls are played; it may differ."""
        if version not in self._others:
            self._others[version] = Judge(self._job.cases, self._job.tolerance)
        return self._others[version]

    def leave(self, connection: Connection, error: Exception | None) -> None:
        """Count a connection that ended, and the request that it takes along."""
        self._open -= 1
        if connection is self._first:
            self._first = None
        if connection.case >= 0:
            self._under_way -= 1
            self._lose(f"the connection ended: {getattr(error, 'strerror', None) or error or 'closed by the service'}")
        elif connection in self._free:
            self._free.remove(connection)

    def _lose(self, reason: str, count: int = 1) -> None:
        self._lost += count
        self._reasons[reason] += count

    # The end.

    def stop(self) -> None:
        """Send no more."""
        self.stopped = True
        self._end = self._now()
        self._due = iter(())
        self._next = float("inf")

    @property
    def over(self) -> bool:
        """Whether every request was answered or lost, and a silence at the end has passed."""
        return self._next == float("inf") and not self._under_way and self._now() >= self._end

    async def play(self) -> None:
        """Send all, wait for the answers, and give up on those that do not come."""
        given_up = float("inf")
        while not self.over:
            self.tick()
            if self._next == float("inf") or self._now() - self._next > self._job.patience:
                given_up = min(given_up, self._now() + (2.0 if self.stopped else self._job.patience))
            else:
                given_up = float("inf")
            if self._now() > max(given_up, self._end):
                break
            await asyncio.sleep(_TICK)
        if self._under_way:
            self._lose("no answer came", self._under_way)
        if left := (self._next != float("inf")) + sum(1 for _ in self._due):
            self._lose("no connection was free to send it", left)

    def _flush(self, number: int) -> None:
        cpu = _processor_time()
        second = Second(self._second, self._sent, dict(self._answered), self._wrong, self._lost, self._latency,
                        max(0.0, self._now() - self._next), self._open, cpu - self._cpu)
        _write(asdict(second))
        self._second, self._cpu = number, cpu
        self._clear()

    def finish(self) -> None:
        """Write the last second and what is known at the end."""
        if self._sent or self._answered or self._lost or self._second < self._end or not self._second:
            self._flush(self._second + 1)
        unchecked = sum(one.unchecked for one in (self._judge, *self._others.values()))
        _write({"firsts": self._firsts, "reasons": dict(self._reasons), "differences": self._judge.differences,
                "others": {version: judge.dump() for version, judge in self._others.items()}, "unchecked": unchecked,
                "duration": max(self._last_answer, self._end), "begin": self._begin})


def _write(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _processor_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _main(job: Job) -> None:
    run = Run(job)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _listen, run)
    await run.play()
    run.finish()


def _listen(run: Run) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        run.stop()


def main() -> None:
    """Do the job in the file that the command line names."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    job = parse_job(Path(sys.argv[1]).read_text(encoding="utf-8"))
    uvloop.new_event_loop().run_until_complete(_main(job))


if __name__ == "__main__":
    main()
