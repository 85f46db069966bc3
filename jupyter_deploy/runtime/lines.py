"""The queue of those who wait: the urgent first, clients in turn, and who gives way when it is full.

A client is an address. Callers on this machine, or behind one proxy, have the same, and stand in one line in the order
in which they came: a connection has one request in it at a time, so that is fair among connections. From other
machines, each address has a line of its own, and they are served in turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from .terms import HIGH, LOW, NORMAL, Terms

if TYPE_CHECKING:
    from .messages import Request

_ORDERS = ((HIGH, NORMAL, LOW), (NORMAL, HIGH, LOW), (LOW, NORMAL, HIGH))
_SECOND, _THIRD = 4, 16
"""Every fourth turn is a normal request's and every sixteenth one of low priority's, if any waits: nobody starves."""


class Waiting(Protocol):
    """What stands in a line."""

    terms: Terms | None
    client: str | None
    """The caller's address; None on this machine."""


class Room(Protocol):
    """Where requests wait for their turn."""

    def expect(self, priority: int) -> float:
        """Estimate the seconds that a newcomer would wait."""

    def give_way(self, newcomer: Request) -> bool:
        """Refuse one who waits with less right than a newcomer; False when there is none."""


Item = TypeVar("Item", bound=Waiting)


def name_client(peer: Any) -> str | None:
    """Give the address of a socket's other end; None for this machine's."""
    address = peer[0] if isinstance(peer, tuple) else "::1"
    return None if address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1") else str(address)


def _priority(item: Waiting) -> int:
    return NORMAL if item.terms is None else item.terms.priority


class Line(Generic[Item]):
    """Requests, or calls, that wait."""

    def __init__(self) -> None:
        self.plain: deque[Item] = deque()
        """Those of normal priority from this machine; most services have no others."""
        self.special = 0
        """How many wait that have terms, or come from elsewhere: without any, `plain` is the whole line."""
        self._lanes: list[dict[str | None, deque[Item]]] = [{}, {None: self.plain}, {}]
        """For each priority, the clients that wait; whose turn is next is first."""
        self._turn = 0

    def __len__(self) -> int:
        return sum(len(items) for lane in self._lanes for items in lane.values()) if self.special else len(self.plain)

    def add(self, item: Item) -> None:
        """Let one wait."""
        if item.terms is None and item.client is None:
            self.plain.append(item)
            return
        self.special += 1
        self._lanes[_priority(item)].setdefault(item.client, deque()).append(item)

    def take(self) -> Item | None:
        """Give the next; None when nobody waits."""
        if not self.special:
            return self.plain.popleft() if self.plain else None
        self._turn += 1
        order = _ORDERS[2 if not self._turn % _THIRD else 1 if not self._turn % _SECOND else 0]
        return next((item for priority in order if (item := self._take_from(priority)) is not None), None)

    def _take_from(self, priority: int) -> Item | None:
        lane = self._lanes[priority]
        for client, items in list(_first_two(lane)):
            del lane[client]
            item = items.popleft() if items else None
            if items or items is self.plain:
                lane[client] = items
            if item is not None:
                self._count_out(item)
                return item
        return None

    def ahead(self, priority: int) -> int:
        """How many would be served before a newcomer of this priority."""
        if not self.special:
            return len(self.plain)
        return sum(len(items) for lane in self._lanes[: priority + 1] for items in lane.values())

    def give_way(self, newcomer: Waiting) -> Item | None:
        """Take out who waits with less right than a newcomer: of lower priority, or of a client that has more waiting.

        The last come of the client with the most goes; None when the newcomer has no better right than any.
        """
        priority = _priority(newcomer)
        for other in range(LOW, priority - 1, -1):
            lane = self._lanes[other]
            if not lane:
                continue
            client, items = max(lane.items(), key=lambda pair: len(pair[1]))
            own = len(lane.get(newcomer.client, ())) + 1 if other == priority else 0
            if len(items) > own:
                item = items.pop()
                if not items and items is not self.plain:
                    del lane[client]
                self._count_out(item)
                return item
        return None

    def _count_out(self, item: Item) -> None:
        if item.terms is not None or item.client is not None:
            self.special -= 1


def _first_two(lane: dict[str | None, deque[Item]]) -> Iterator[tuple[str | None, deque[Item]]]:
    """Give the first clients of a lane: only the line of this machine may be empty, so one of two is not."""
    for number, pair in enumerate(lane.items()):
        if number == 2:
            return
        yield pair
