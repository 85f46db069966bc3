"""In which order those are served who wait, and who gives way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from jupyter_deploy.runtime.lines import Line, name_client
from jupyter_deploy.runtime.terms import HIGH, LOW, NORMAL, Terms


@dataclass(eq=False)
class Item:
    name: str
    terms: Terms | None = None
    client: str | None = None


def make(text: str) -> Item:
    """`high:x@10.0.0.1`: the priority and the client may be left out."""
    rest, _, client = text.partition("@")
    priority = {"high": HIGH, "low": LOW}.get(rest.partition(":")[0])
    return Item(text, None if priority is None else Terms(priority), client or None)


def line_of(*texts: str) -> Line[Item]:
    line: Line[Item] = Line()
    for text in texts:
        line.add(make(text))
    return line


def drain(line: Line[Item]) -> list[str]:
    found = []
    while (item := line.take()) is not None:
        found.append(item.name)
    assert (len(line), line.special) == (0, 0)
    return found


@pytest.mark.parametrize(("texts", "order"), [
    ("a b c", "a b c"),
    ("low:a b high:c high:d", "high:c high:d b low:a"),
    # One client with many requests, and two with one each.
    ("a@1 b@1 c@1 x@2 y@3", "a@1 x@2 y@3 b@1 c@1"),
    ("a b c x@2", "a x@2 b c"),
    ("low:a@1 low:b@1 low:x@2 c", "c low:a@1 low:x@2 low:b@1"),
])
def test_order(texts, order):
    assert drain(line_of(*texts.split())) == order.split()


def test_nobody_starves():
    line = line_of(*["high:h"] * 200, *["n"] * 200, *["low:l"] * 200)
    first = Counter(line.take().name for _ in range(160))
    assert first == {"high:h": 120, "n": 30, "low:l": 10}


def test_timed_requests_keep_their_place():
    line = line_of("a")
    line.add(Item("timed", Terms(NORMAL, 1.0)))
    line.add(make("b"))
    assert len(line) == 3
    assert drain(line) == ["a", "timed", "b"]


@pytest.mark.parametrize(("waiting", "newcomer", "victim"), [
    ("a b", "c", None),
    ("low:a low:b c", "d", "low:b"),
    ("low:a b", "high:c", "low:a"),
    ("a b", "high:c", "b"),
    ("high:a b", "low:c", None),
    ("high:a", "c", None),
    ("a@1 b@1 c@1", "x@2", "c@1"),
    ("a@1 b@1 x@2", "y@2", None),
    ("a@1 x@2", "y@3", None),
    ("a b c", "x@2", "c"),
    ("low:a@1 low:b@1", "high:c@1", "low:b@1"),
])
def test_give_way(waiting, newcomer, victim):
    line = line_of(*waiting.split())
    found = line.give_way(make(newcomer))
    assert (found.name if found else None) == victim
    rest = [name for name in waiting.split() if name != victim]
    assert sorted(drain(line)) == sorted(rest)


def test_ahead():
    line = line_of("high:a", "b", "c@1", "low:d")
    assert [line.ahead(priority) for priority in (HIGH, NORMAL, LOW)] == [1, 3, 4]
    assert line_of("a", "b").ahead(LOW) == 2


@pytest.mark.parametrize(("peer", "client"), [
    (("127.0.0.1", 5), None), (("127.3.0.1", 5), None), (("::1", 5, 0, 0), None), (("::ffff:127.0.0.1", 5, 0, 0), None),
    ("", None), (None, None), (("10.0.0.7", 5), "10.0.0.7"), (("fe80::1", 5, 0, 3), "fe80::1"),
])
def test_client(peer, client):
    assert name_client(peer) == client
