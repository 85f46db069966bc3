"""Decoders of single values: from one JSON value to a Python or NumPy scalar."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any, cast

from .instants import parse_datetime, parse_duration
from .invalid import InvalidInput, name_found
from .manifest import TypeSpec
from .types import spec_name

Decoder = Callable[[object, str], Any]
"""Takes a JSON value and the path of its field; raises `InvalidInput` and nothing else."""

INFINITIES = {"Infinity": float("inf"), "-Infinity": float("-inf")}
"""JSON has no numbers for these; NaN is `null`."""


def compile_any(_spec: TypeSpec) -> Decoder:
    """Pass JSON through."""
    return lambda value, _field: value


def compile_none(_spec: TypeSpec) -> Decoder:
    """Take `null`."""

    def decode(value: object, field: str) -> None:
        if value is not None:
            raise InvalidInput(field, "null", name_found(value))

    return decode


def compile_exact(spec: TypeSpec) -> Decoder:
    """Take a JSON value of one Python type; `true` is not an integer and `1` is not a boolean."""
    python: type = {"bool": bool, "int": int, "str": str}[spec["kind"]]
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        if type(value) is python:
            return value
        raise InvalidInput(field, expected, name_found(value))

    return decode


def compile_float(spec: TypeSpec) -> Decoder:
    """Take a number; an integer becomes a float unless the notebook itself passed integers there."""
    keep_integers = bool(spec.get("integers"))
    nullable = bool(spec.get("nullable"))
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        if type(value) is float:
            return value
        if type(value) is int:
            return value if keep_integers else convert(value, field)
        if value is None and nullable:
            return float("nan")
        if type(value) is str and value in INFINITIES:
            return INFINITIES[value]
        raise InvalidInput(field, expected, name_found(value))

    def convert(value: int, field: str) -> float:
        try:
            return float(value)
        except OverflowError:
            raise InvalidInput(field, expected, name_found(value)) from None

    return decode


def _compile_text(spec: TypeSpec, parse: Callable[[str], Any]) -> Decoder:
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        if type(value) is not str:
            raise InvalidInput(field, expected, name_found(value))
        try:
            return parse(value)
        except (ValueError, ArithmeticError) as error:
            raise InvalidInput(field, expected, name_found(value)) from error

    return decode


def compile_bytes(spec: TypeSpec) -> Decoder:
    """Take base64."""
    return _compile_text(spec, lambda text: base64.b64decode(text, validate=True))


def compile_date(spec: TypeSpec) -> Decoder:
    """Take an ISO 8601 day."""
    return _compile_text(spec, dt.date.fromisoformat)


def compile_time(spec: TypeSpec) -> Decoder:
    """Take an ISO 8601 time of the day."""
    return _compile_text(spec, dt.time.fromisoformat)


def compile_decimal(spec: TypeSpec) -> Decoder:
    """Take a number as text, which keeps its digits, or an integer."""
    decode_text = _compile_text(spec, decimal.Decimal)

    def decode(value: object, field: str) -> Any:
        return decimal.Decimal(value) if type(value) is int else decode_text(value, field)

    return decode


def compile_uuid(spec: TypeSpec) -> Decoder:
    """Take a UUID as text."""
    return _compile_text(spec, uuid.UUID)


def compile_datetime(spec: TypeSpec) -> Decoder:
    """Take an ISO 8601 date and time.

    With `tz` a name, an offset is required and the result is in that zone; with `tz` null none may be given.
    `class: timestamp` makes it a pandas Timestamp of resolution `unit`.
    """
    if spec.get("class") == "timestamp":
        return _compile_text(spec, _timestamp_parser(spec))
    zone = timezone(spec["tz"]) if spec.get("tz") else None
    any_zone = "tz" not in spec

    def parse(text: str) -> dt.datetime:
        value = parse_datetime(text)
        if any_zone:
            return value
        if (value.tzinfo is None) != (zone is None):
            raise ValueError("a time zone is missing, or there is one where none is allowed")
        return value.astimezone(zone) if zone is not None else value

    return _compile_text(spec, parse)


def _timestamp_parser(spec: TypeSpec) -> Callable[[str], Any]:
    import pandas as pd

    zone, unit = spec.get("tz"), spec.get("unit", "ns")

    def parse(text: str) -> Any:
        parse_datetime(text)
        value = pd.Timestamp(text)
        if (value.tz is None) != (zone is None) and "tz" in spec:
            raise ValueError("a time zone is missing, or there is one where none is allowed")
        return (value.tz_convert(zone) if zone is not None else value).as_unit(unit)

    return parse


def timezone(name: str) -> dt.tzinfo:
    """Give the time zone of a name: `UTC`, `UTC+02:00`, `Europe/Berlin`."""
    if name.startswith("UTC"):
        parsed = parse_datetime(f"2000-01-01T00:00:00{name.removeprefix('UTC') or 'Z'}").tzinfo
        return cast("dt.tzinfo", parsed)
    import zoneinfo

    return zoneinfo.ZoneInfo(name)


def compile_timedelta(spec: TypeSpec) -> Decoder:
    """Take an ISO 8601 duration; `class: timedelta64` makes it a pandas Timedelta of resolution `unit`."""
    if spec.get("class") == "pandas":
        import pandas as pd

        unit = spec.get("unit", "ns")
        return _compile_text(spec, lambda text: pd.Timedelta(parse_duration(text), "ns").as_unit(unit))
    return _compile_text(spec, lambda text: dt.timedelta(microseconds=parse_duration(text) // 1000))
