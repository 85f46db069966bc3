"""From the result of an entry to JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson


class CannotEncode(TypeError):
    """A result holds something that JSON cannot carry."""

    def __init__(self, path: str, found: str, advice: str) -> None:
        super().__init__(f"{path or 'the result'} is {found}, which JSON cannot carry: {advice}")
        self.path = path
        self.found = found
        self.advice = advice


def encode(value: object) -> bytes:
    """Write a value as JSON (raises `CannotEncode`)."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def to_json(value: object) -> Any:
    """Give the parsed JSON that `encode` writes."""
    return json.loads(encode(value))


def describe(value: object) -> str:
    """Describe a result's Python types in one short, deterministic line."""
    return type(value).__qualname__
