"""The shape of traffic: `100/min for 1m; 1000000 in 2m`, read with the place of what is wrong, and as moments in time.

    100/min for 1m           an even rate
    10/s to 500/s in 30s     a rate that grows, or falls, evenly
    1000000 in 2m            so many, evenly spread
    1000 at once             all in one moment
    nothing for 5m           silence

Parts follow each other, with `;` between them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_deploy.errors import UsageError

_WORDS = re.compile(r"\s*(?:(?P<number>\d[\d_,]*(?:\.\d+)?(?:[eE]\d{1,2})?)(?P<scale>[kM](?![a-zA-Z]))?"
                    r"|(?P<word>[a-zA-Z]+)|(?P<sign>[/;]))")
_RATES = {"s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0}
_TIMES = {"ms": 0.001, "s": 1.0, "sec": 1.0, "seconds": 1.0, "m": 60.0, "min": 60.0, "minutes": 60.0, "h": 3600.0,
          "hours": 3600.0}
_EXAMPLE = ("for instance '100/min for 1m; 1M in 2m' (or 1e6, or 1000000), '10/s to 500/s in 30s', "
            "'1000 at once; nothing for 1m'")


@dataclass(frozen=True)
class Part:
    """A stretch of traffic whose rate changes evenly, if at all."""

    seconds: float
    first: float
    """Requests a second, at its begin."""
    last: float
    """Requests a second, at its end."""
    burst: int = 0
    """Requests in its first moment."""

    @property
    def count(self) -> int:
        """How many requests it has."""
        return self.burst + round((self.first + self.last) / 2 * self.seconds)

    @property
    def peak(self) -> float:
        """Its highest rate, in requests a second."""
        return max(self.first, self.last)

    def moments(self) -> Iterator[float]:
        """Give the second at which each request is due, from the part's begin."""
        yield from (0.0 for _ in range(self.burst))
        growth = (self.last - self.first) / self.seconds if self.seconds else 0.0
        for number in range(self.count - self.burst):
            if growth:
                # So many have been due by t: first * t + growth / 2 * t ** 2.
                yield 2 * number / (self.first + math.sqrt(max(0.0, self.first**2 + 2 * growth * number)) or 1.0)
            else:
                yield number / self.first


@dataclass(frozen=True)
class Shape:
    """Parts of traffic, one after the other."""

    text: str
    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        """How many requests it has."""
        return sum(part.count for part in self.parts)

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return sum(part.seconds for part in self.parts)

    @property
    def peak(self) -> float:
        """Its highest rate, in requests a second; a burst counts as spread over its second."""
        return max(max(part.peak, float(part.burst)) for part in self.parts)

    def moments(self) -> Iterator[float]:
        """Give the second at which each request is due, from the shape's begin, in order."""
        begin = 0.0
        for part in self.parts:
            for moment in part.moments():
                yield begin + moment
            begin += part.seconds


@dataclass(frozen=True)
class _Word:
    kind: str
    text: str
    place: int
    value: float = 0.0


class _Reader:
    """Reads a shape word by word, and knows where it is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = list(self._split())
        self._next = 0

    def _split(self) -> Iterator[_Word]:
        place = 0
        while self._text[place:].strip():
            found = _WORDS.match(self._text, place)
            start = place + len(self._text[place:]) - len(self._text[place:].lstrip())
            if found is None:
                raise self.fail("a number, a word, / or ;", start, self._text[start])
            kind = str(found.lastgroup) if found.lastgroup != "scale" else "number"
            value = 0.0
            if kind == "number":
                scale = {"k": 1e3, "M": 1e6}.get(found["scale"], 1.0)
                value = float(re.sub("[_,]", "", found["number"])) * scale
            yield _Word(kind, self._text[start : found.end()], start, value)
            place = found.end()

    def fail(self, wanted: str, place: int | None = None, found: str | None = None) -> UsageError:
        """Say what was wanted here, with a mark under the place."""
        if place is None:
            word = self.peek()
            place, found = word.place, word.text
        said = repr(found) if found else "the end"
        return UsageError(f"wanted {wanted}, found {said}:\n    {self._text}\n    {' ' * place}^", advice=_EXAMPLE)

    def peek(self) -> _Word:
        """Give the next word; one without text at the end."""
        return self._words[self._next] if self._next < len(self._words) else _Word("end", "", len(self._text))

    def take(self) -> _Word:
        """Give the next word and go on."""
        word = self.peek()
        self._next += 1
        return word

    def takes(self, *texts: str) -> bool:
        """Go on if the next words are these."""
        following = [word.text for word in self._words[self._next : self._next + len(texts)]]
        if following != list(texts):
            return False
        self._next += len(texts)
        return True

    def number(self, wanted: str) -> float:
        """Take a number."""
        if self.peek().kind != "number":
            raise self.fail(wanted)
        return self.take().value

    def time(self) -> float:
        """Take a time; gives seconds."""
        word = self.peek()
        value = self.number("a time, such as 30s or 2m")
        if self.peek().text not in _TIMES:
            raise self.fail("the unit of the time: ms, s, m or h")
        seconds = value * _TIMES[self.take().text]
        if seconds <= 0:
            raise self.fail("a time longer than nothing", word.place, word.text)
        return seconds

    def rate(self) -> float:
        """Take a rate; gives requests a second."""
        value = self.number("a rate, such as 100/min")
        if not self.takes("/"):
            raise self.fail("/ and a unit, such as 100/min")
        return self.per(value)

    def per(self, value: float) -> float:
        """Take the unit of a rate; gives requests a second."""
        if self.peek().text not in _RATES:
            raise self.fail("s, min or h, as in 100/min")
        return value / _RATES[self.take().text]


def parse_shape(text: str) -> Shape:
    """Read a shape of traffic.

    Raises
    ------
    UsageError
        With the place in the text and what was wanted there.

    """
    reader = _Reader(text)
    parts: list[Part] = []
    while reader.peek().kind != "end" or not parts:
        parts.append(_read_part(reader))
        if reader.peek().kind != "end" and not reader.takes(";"):
            raise reader.fail("; or the end")
    shape = Shape(text, tuple(parts))
    if not shape.count:
        raise UsageError(f"{text!r} has no request in it", advice=_EXAMPLE)
    return shape


def _read_part(reader: _Reader) -> Part:
    if reader.takes("nothing"):
        if not reader.takes("for"):
            raise reader.fail("for, as in: nothing for 1m")
        return Part(reader.time(), 0.0, 0.0)
    start = reader.peek()
    value = reader.number("how many requests, such as 100/min or 1000000")
    if reader.takes("/"):
        return _read_rate(reader, reader.per(value))
    if value != int(value) or value < 1:
        raise reader.fail("a whole number of requests, at least 1", start.place, start.text)
    if reader.takes("at", "once"):
        return Part(0.0, 0.0, 0.0, burst=int(value))
    if not reader.takes("in"):
        raise reader.fail("/ and a unit, in and a time, or at once")
    seconds = reader.time()
    return Part(seconds, value / seconds, value / seconds)


def _read_rate(reader: _Reader, first: float) -> Part:
    if reader.takes("to"):
        last = reader.rate()
        if not reader.takes("in"):
            raise reader.fail("in and a time, as in: 10/s to 500/s in 30s")
        return Part(reader.time(), first, last)
    if not reader.takes("for"):
        raise reader.fail("for and a time, or to and another rate")
    return Part(reader.time(), first, first)
