"""Dates, times and durations as ISO 8601 text, exact to the nanosecond."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?(?:(Z)|([+-])(\d\d):?([0-5]\d))?", re.ASCII
)
_DURATION = re.compile(
    r"([+-])?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,9}))?S)?)?", re.ASCII
)
NANOSECONDS = {
    "W": 604_800_000_000_000,
    "D": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
"""Nanoseconds in each unit of NumPy that has a fixed length."""


def parse_duration(text: str) -> int:
    """Read an ISO 8601 duration as nanoseconds (raises `ValueError`)."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(part.isdigit() for part in text) or text.endswith("T"):
        raise ValueError(f"{text!r} is not an ISO 8601 duration")
    sign, weeks, days, hours, minutes, seconds, fraction = match.groups()
    total = sum(
        int(count or 0) * NANOSECONDS[unit]
        for count, unit in ((weeks, "W"), (days, "D"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    ) + int((fraction or "0").ljust(9, "0"))
    return -total if sign == "-" else total


def format_duration(nanoseconds: int) -> str:
    """Write nanoseconds as an ISO 8601 duration, `-P1DT2H3M4.5S` (a sign in front is the standard's extension)."""
    sign = "-" if nanoseconds < 0 else ""
    rest = abs(nanoseconds)
    text = ""
    for unit, letter in (("D", "D"), ("h", "H"), ("m", "M")):
        count, rest = divmod(rest, NANOSECONDS[unit])
        if letter == "D":
            text = f"{count}DT" if count else "T"
        elif count:
            text += f"{count}{letter}"
    seconds, fraction = divmod(rest, NANOSECONDS["s"])
    if fraction:
        text += f"{seconds}.{fraction:09d}".rstrip("0") + "S"
    elif seconds or text == "T":
        text += f"{seconds}S"
    return f"{sign}P{text.removesuffix('T')}"


def timedelta_nanoseconds(value: dt.timedelta) -> int:
    """Count a `timedelta`'s nanoseconds without going through a float."""
    return (value.days * 86_400 + value.seconds) * 1_000_000_000 + value.microseconds * 1_000


def parse_datetime(text: str) -> dt.datetime:
    """Read an ISO 8601 date and time (raises `ValueError`); Python 3.10 alone would refuse `Z` and short fractions."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 date and time")
    day, clock, zulu, sign, hours, minutes = match.groups()
    clock, _, fraction = (clock or "00:00").partition(".")
    value = dt.datetime.fromisoformat(f"{day}T{clock}")
    value = value.replace(microsecond=int(fraction.ljust(6, "0")[:6] or "0"))
    if zulu:
        return value.replace(tzinfo=dt.timezone.utc)
    if sign:
        offset = dt.timedelta(hours=int(hours), minutes=int(minutes))
        return value.replace(tzinfo=dt.timezone(-offset if sign == "-" else offset))
    return value


def parse_instants(texts: Sequence[str | None], unit: str, *, aware: bool) -> Any:
    """Read ISO 8601 texts as a `datetime64` array of a unit; None is NaT.

    With `aware` every text must carry an offset and the result is in UTC, otherwise none may.
    Raises `ValueError` for a text that is not such a date, or that the unit cannot hold.
    """
    import numpy as np

    plain: list[str] = []
    offsets: list[int] = []
    for text in texts:
        if text is None:
            plain.append("NaT")
            offsets.append(0)
            continue
        match = _INSTANT.fullmatch(text)
        if match is None or aware != bool(match[3] or match[4]):
            raise ValueError(f"{text!r} is not a date and time {'with' if aware else 'without'} a time zone")
        plain.append(f"{match[1]}T{match[2]}" if match[2] else match[1])
        seconds = int(match[5]) * 3600 + int(match[6]) * 60 if match[4] else 0
        offsets.append(-seconds if match[4] == "-" else seconds)
    instants = np.array(plain, f"datetime64[{unit}]")
    # NumPy lets a date that the unit cannot hold wrap around, without a word
    if unit in ("ns", "us") and not np.array_equal(
        instants.astype("datetime64[D]"), np.array(plain, "datetime64[D]"), equal_nan=True
    ):
        raise ValueError(f"a date is out of the range of datetime64[{unit}]")
    return instants - np.array(offsets, "timedelta64[s]").astype(f"timedelta64[{unit}]") if any(offsets) else instants


def format_instants(instants: Any) -> list[str | None]:
    """Write a flat `datetime64` array as ISO 8601 texts, as short as is exact; NaT is None."""
    import numpy as np

    unit = np.datetime_data(instants.dtype)[0]
    unit = {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s"}.get(unit, unit)
    instants = instants.astype(f"datetime64[{unit}]")
    if unit in ("ns", "us", "ms"):
        counts = instants[~np.isnat(instants)].view("int64")
        steps = {"ns": ("us", 1_000), "us": ("ms", 1_000), "ms": ("s", 1_000)}
        while unit in steps and not (counts % steps[unit][1]).any():
            counts = counts // steps[unit][1]
            unit = steps[unit][0]
        instants = instants.astype(f"datetime64[{unit}]")
    texts: list[str] = np.datetime_as_string(instants).tolist()
    return [None if text == "NaT" else text for text in texts]
