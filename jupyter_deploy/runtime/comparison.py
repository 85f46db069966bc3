"""How much the answers of two versions to one request differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

MOST = 20
"""Places that are named of one pair of answers."""


@dataclass(frozen=True)
class Place:
    """Where two answers differ."""

    path: tuple[str | int, ...]
    """Keys and positions that lead there; empty: the whole answer."""
    live: Any
    other: Any


@dataclass
class Comparison:
    """What the comparison of two answers found."""

    differs: bool = False
    largest: float = 0.0
    """The largest difference of two numbers at one place, also of those that pass as equal."""
    places: list[Place] = field(default_factory=list)


def compare_bodies(live: bytes, other: bytes, tolerance: float) -> Comparison:
    """Compare two bodies: as JSON, where both are that, else byte by byte.

    Parameters
    ----------
    tolerance
        Numbers that differ by no more are equal.

    """
    found = Comparison()
    if live == other:
        return found
    try:
        pair = orjson.loads(live), orjson.loads(other)
    except orjson.JSONDecodeError:
        found.differs = True
        found.places.append(Place((), f"{len(live)} bytes", f"{len(other)} bytes"))
        return found
    for place in _walk((), *pair):
        size = _measure(place)
        found.largest = max(found.largest, size)
        if not 0 < size <= tolerance:
            found.differs = True
            if len(found.places) < MOST:
                found.places.append(place)
    return found


def _walk(path: tuple[str | int, ...], live: Any, other: Any) -> Iterator[Place]:
    """Give the places at which two JSON values differ."""
    if isinstance(live, dict) and isinstance(other, dict) and live.keys() == other.keys():
        for key, value in live.items():
            yield from _walk((*path, key), value, other[key])
    elif isinstance(live, list) and isinstance(other, list) and len(live) == len(other):
        for position, (one, two) in enumerate(zip(live, other, strict=True)):
            yield from _walk((*path, position), one, two)
    elif live != other or isinstance(live, bool) != isinstance(other, bool):
        yield Place(path, live, other)


def _measure(place: Place) -> float:
    """Give the difference of two numbers; 0 where one of them is none."""
    numbers = [value for value in (place.live, place.other)
               if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < 2:
        return 0.0
    size = abs(float(numbers[0]) - float(numbers[1]))
    return size if math.isfinite(size) else 0.0
