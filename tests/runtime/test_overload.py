"""More requests than can be answered: who waits, who goes first, who is refused, and that it passes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import httpx
import pytest
from handmade import FLOAT, INT, entry, write_bundle

from jupyter_deploy.runtime.manifest import Parameter

SERVICE = '''\
import time

order = []


def compute(seconds):
    """Hold the GIL: what waits would be called in many threads, where there are several."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


class Model:
    def predict(self, rows):
        time.sleep(0.02)
        order.append([int(x) for x in rows[:, 0]])
        return rows.sum(axis=1)


model = Model()


def together(row):
    return model.predict(row.reshape(1, -1))[0]


def brief(x):
    compute(0.003)
    order.append([x])
    return x


def slow(x):
    time.sleep(0.1)
    order.append([x])
    return x


def quick(x):
    return x


def marked():
    return [x for batch in order for x in batch]
'''
ROW = {"kind": "array", "dtype": "float64", "shape": [2]}
X = Parameter("x", INT)
MARKED = entry("marked", returns={"kind": "list", "of": INT})
ENTRIES = (
    entry("together", Parameter("row", ROW), returns=FLOAT), entry("brief", X, returns=INT),
    entry("quick", X, returns=INT), MARKED,
)
GOLDEN = {
    "together": {"request": {"row": [0.0, 1.0]}, "answer": 1.0, "kind": "numpy.float64"},
    "brief": {"request": {"x": 0}, "answer": 0, "kind": "int"},
    "quick": {"request": {"x": 0}, "answer": 0, "kind": "int"},
}


@pytest.fixture(scope="module")
def worker(tmp_path_factory, start_supervised):
    folder = tmp_path_factory.mktemp("loop")
    write_bundle(folder, service=SERVICE, entries=ENTRIES, golden=GOLDEN)
    return start_supervised(folder, "--batch", "max=2", "--max-queue", "12")


@pytest.fixture(scope="module")
def one_thread(tmp_path_factory, start_supervised):
    """A service with state: one call at a time, in a thread."""
    folder = tmp_path_factory.mktemp("thread")
    write_bundle(folder, service=SERVICE, entries=(entry("slow", X, returns=INT, mutates=True), MARKED), golden={})
    return start_supervised(folder, "--max-queue", "12")


def body_of(name: str, x: int) -> dict[str, object]:
    return {"row": [float(x), 1.0]} if name == "together" else {"x": x}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def write_request(path: str, body: object, **headers: str) -> bytes:
    """Write a request; each header is one of our own."""
    text = json.dumps(body).encode()
    named = "".join(f"x-nbdeploy-{name}: {value}\r\n" for name, value in headers.items()).encode()
    return (b"POST /%b HTTP/1.1\r\nhost: x\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (path.encode(), named, len(text), text))


class Crowd:
    """Callers with a connection each, opened before: what they send arrives together."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.tasks: dict[int, asyncio.Task[Answer]] = {}
        self._address = url.removeprefix("http://").split(":")
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def open(self, number: int) -> None:
        self._free += await asyncio.gather(*[asyncio.open_connection(*self._address) for _ in range(number)])

    async def close(self) -> None:
        for _, writer in self._free:
            writer.close()
            await writer.wait_closed()

    async def ask(self, data: bytes) -> Answer:
        reader, writer = self._free.pop()
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = await reader.readexactly(int(headers["content-length"]))
        self._free.append((reader, writer))
        return Answer(int(head[0].split()[1]), headers, body)

    async def send(self, x: int, **headers: str) -> None:
        data = write_request(self.name, body_of(self.name, x), **headers)
        self.tasks[x] = asyncio.ensure_future(self.ask(data))
        await asyncio.sleep(0)

    async def marked(self) -> list[int]:
        return json.loads((await self.ask(write_request("marked", {}))).body)

    async def wait_in_progress(self, number: int) -> None:
        while b"in_progress %d\n" % number not in (await self.ask(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")).body:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    async def statuses(self) -> dict[int, int]:
        return {x: (await task).status for x, task in self.tasks.items()}


def run(worker, name, scenario):
    """Play a scenario; gives its result, the status of each request, and those that were computed, in their order."""
    async def go():
        crowd = Crowd(worker.url, name)
        await crowd.open(102)
        before = len(await crowd.marked())
        result = await scenario(crowd)
        statuses = await crowd.statuses()
        order = (await crowd.marked())[before:]
        await crowd.close()
        return result, statuses, order
    return asyncio.run(go())


PLACES = [("worker", "together"), ("worker", "brief"), ("one_thread", "slow")]


@pytest.fixture(params=PLACES, ids=[name for _, name in PLACES])
def place(request):
    """A worker and the entry: answered together, in turns of the event loop, or in a thread."""
    fixture, name = request.param
    return request.getfixturevalue(fixture), name


def test_the_urgent_go_first_and_the_low_give_way(place):
    worker, name = place

    async def scenario(crowd):
        for x in range(1, 101):
            await crowd.send(x, priority=("low", "normal", "high")[x % 3])

    _, statuses, order = run(worker, name, scenario)
    assert set(statuses.values()) == {200, 429}
    assert sorted(order) == [x for x, status in statuses.items() if status == 200]

    def share(kind):
        mine = [status for x, status in statuses.items() if x % 3 == kind]
        return mine.count(200) / len(mine)

    assert share(0) <= share(1) <= share(2)
    assert share(0) < share(2)
    assert httpx.post(f"{worker.url}/{name}", json=body_of(name, 0)).status_code == 200


def test_one_whose_time_is_over_is_not_computed(place):
    worker, name = place

    async def scenario(crowd):
        for x in range(1, 9):
            await crowd.send(x)
        await crowd.send(50, timeout="1ms")
        return await crowd.tasks[50]

    refused, statuses, order = run(worker, name, scenario)
    assert statuses.pop(50) == 503
    assert json.loads(refused.body)["error"]["type"] == "overloaded"
    assert int(refused.headers["retry-after"]) >= 1
    assert set(statuses.values()) == {200}
    assert sorted(order) == list(range(1, 9))


def test_one_that_would_wait_too_long_is_refused_at_once(one_thread):
    async def scenario(crowd):
        for x in range(1, 11):
            await crowd.send(x)
        await crowd.wait_in_progress(10)
        await crowd.send(60, timeout="50ms")
        refused = await crowd.tasks[60]
        return refused, [x for x, task in crowd.tasks.items() if not task.done()]

    (refused, open_), statuses, order = run(one_thread, "slow", scenario)
    assert refused.status == 503
    assert b"would wait about" in refused.body
    assert len(open_) >= 8
    assert [status for x, status in statuses.items() if x != 60] == [200] * 10
    assert 60 not in order


def test_time_enough_is_time_enough(place):
    worker, name = place

    async def scenario(crowd):
        for x in range(1, 6):
            await crowd.send(x, timeout="20s", priority="high")

    _, statuses, _ = run(worker, name, scenario)
    assert set(statuses.values()) == {200}


def test_urgent_takes_the_place_of_one_that_waits(one_thread):
    async def scenario(crowd):
        for x in range(1, 13):
            await crowd.send(x)
        await crowd.wait_in_progress(12)
        await crowd.send(70, priority="high")
        await crowd.send(71, priority="low")
        return (await crowd.tasks[71]), (await crowd.tasks[70])

    (low, high), statuses, order = run(one_thread, "slow", scenario)
    assert (low.status, high.status) == (429, 200)
    assert int(low.headers["retry-after"]) >= 1
    assert sorted(statuses.values()) == [200] * 12 + [429] * 2
    assert order.index(70) <= 2


def test_headers_that_mean_nothing_are_refused(worker):
    refused = httpx.post(f"{worker.url}/quick", json={"x": 1}, headers={"x-nbdeploy-priority": "urgent"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "x-nbdeploy-priority")


def test_who_does_not_wait_for_answers_does_not_keep_others_waiting(worker):
    """One connection sends 20,000 requests at once; another's is answered before these are."""
    many, request = 20_000, write_request("quick", {"x": 7})

    async def go():
        address = worker.url.removeprefix("http://").split(":")
        (flood_in, flood_out), (other_in, other_out) = [await asyncio.open_connection(*address) for _ in range(2)]
        try:
            # The worker knows the head from here on.
            flood_out.write(request)
            await flood_in.readuntil(b"\r\n\r\n7")
            flood = asyncio.ensure_future(count(flood_in, many))
            flood_out.write(request * many)
            await asyncio.sleep(0)
            other_out.write(request)
            await other_in.readuntil(b"\r\n\r\n7")
            return flood.done(), await flood
        finally:
            for writer in (flood_out, other_out):
                writer.close()
                await writer.wait_closed()

    async def count(reader: asyncio.StreamReader, number: int) -> int:
        found = 0
        for _ in range(number):
            await reader.readuntil(b"\r\n\r\n")
            found += await reader.readexactly(1) == b"7"
        return found

    assert asyncio.run(go()) == (False, many)


def test_probes_are_answered_between_calls(worker):
    async def scenario(crowd):
        for x in range(1, 11):
            await crowd.send(x)
        answer = await crowd.ask(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
        return answer.status, sum(not task.done() for task in crowd.tasks.values())

    (status, waiting), statuses, _ = run(worker, "brief", scenario)
    assert (status, set(statuses.values())) == (200, {200})
    assert waiting
