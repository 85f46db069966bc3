"""The grammar of traffic: what each shape means, and what is said of one that is wrong."""

from __future__ import annotations

import itertools

import pytest

from jupyter_deploy.errors import UsageError
from jupyter_deploy.traffic.shape import Part, parse_shape


@pytest.mark.parametrize(("text", "parts"), [
    ("100/min for 1m", [Part(60.0, 100 / 60, 100 / 60)]),
    ("1000000 in 2m", [Part(120.0, 1e6 / 120, 1e6 / 120)]),
    ("1_000,000 in 2 m", [Part(120.0, 1e6 / 120, 1e6 / 120)]),
    ("1M in 2m", [Part(120.0, 1e6 / 120, 1e6 / 120)]),
    ("1e6 in 2m", [Part(120.0, 1e6 / 120, 1e6 / 120)]),
    ("2k/s for 500ms", [Part(0.5, 2000.0, 2000.0)]),
    ("10/s to 500/s in 30s", [Part(30.0, 10.0, 500.0)]),
    ("1000 at once", [Part(0.0, 0.0, 0.0, 1000)]),
    ("5/s for 2s; nothing for 1h;10 at once", [Part(2.0, 5.0, 5.0), Part(3600.0, 0.0, 0.0), Part(0.0, 0.0, 0.0, 10)]),
    ("5/s for 2s;", [Part(2.0, 5.0, 5.0)]),
    ("3600/hour for 1.5s", [Part(1.5, 1.0, 1.0)]),
])
def test_parse(text, parts):
    assert list(parse_shape(text).parts) == parts


@pytest.mark.parametrize(("text", "place", "wanted"), [
    ("", 0, "how many requests"),
    ("fast", 0, "how many requests"),
    ("100", 3, "/ and a unit, in and a time, or at once"),
    ("100/min", 7, "for and a time"),
    ("100/week for 1m", 4, "s, min or h"),
    ("100/min for two", 12, "a time, such as 30s or 2m"),
    ("100/min for 2", 13, "the unit of the time"),
    ("100/min for 2 parsecs", 14, "the unit of the time"),
    ("100/min for 0s", 12, "longer than nothing"),
    ("10/s to 5 in 1s", 10, "/ and a unit"),
    ("10/s to 5/s for 1s", 12, "in and a time"),
    ("100/min for 1m, 5 at once", 14, "a number, a word, / or ;"),
    ("100/min for 1m 5 at once", 15, "; or the end"),
    ("1.5 at once", 0, "a whole number"),
    ("nothing 5m", 8, "for"),
    ("5 at 8:30", 6, "a number, a word"),
    ("-5 at once", 0, "a number, a word"),
])
def test_what_is_wrong_is_shown_where_it_is(text, place, wanted):
    with pytest.raises(UsageError) as caught:
        parse_shape(text)
    message, shown, mark = caught.value.message.split("\n")
    assert (shown.strip(), mark.index("^") - 4) == (text, place)
    assert wanted is None or wanted in message


def test_a_shape_without_a_request():
    with pytest.raises(UsageError, match="no request"):
        parse_shape("nothing for 5m")


@pytest.mark.parametrize("text", [
    "100/min for 1m", "1000 in 3s", "10/s to 500/s in 3s", "500/s to 10/s in 3s", "0/s to 100/s in 2s", "7 at once",
    "3 at once; nothing for 2s; 50/s for 1s; 100/s to 0/s in 1s",
])
def test_moments(text):
    """As many as were said, in order, within the time, and as many in each part of it as the rate says."""
    shape = parse_shape(text)
    moments = list(shape.moments())
    assert len(moments) == shape.count
    assert all(first <= second for first, second in itertools.pairwise(moments))
    assert moments[0] == 0.0
    assert moments[-1] <= shape.seconds
    begin = 0.0
    for part in shape.parts:
        half = sum(begin <= moment < begin + part.seconds / 2 for moment in moments) - part.burst * (part.seconds > 0)
        if part.seconds:
            expected = (part.first + (part.first + part.last) / 2) / 2 * part.seconds / 2
            assert half == pytest.approx(expected, abs=2 + sum(one.burst for one in shape.parts))
        begin += part.seconds


def test_figures():
    shape = parse_shape("100/min for 1m; 1000000 in 2m")
    assert (shape.count, shape.seconds) == (1_000_100, 180.0)
    assert shape.peak == pytest.approx(8333.3, abs=0.1)
    assert parse_shape("1000 at once; 10/s for 1s").peak == 1000
