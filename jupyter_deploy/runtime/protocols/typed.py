"""The native protocol: `POST /<entry>` takes a JSON object of arguments and answers with the result's JSON."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from ..encode import describe, encode
from ..entries import ServedEntry, Service
from ..messages import JSON, Answer, Prediction, Request, Routes, json_answer
from ..refusals import Refusal

KINDS = (b"", b"application/json")


def add_routes(service: Service, routes: Routes) -> None:
    """Add one route for each entry."""
    for entry in service.entries.values():
        routes.predictions[f"/{entry.name}"] = prediction_of(entry)


def prediction_of(entry: ServedEntry) -> Prediction:
    """Give an entry's native route."""
    return Prediction(entry, partial(decode_typed, entry), encode_typed, refuse)


def refuse(refusal: Refusal) -> Answer:
    """Give the native error shape: `{"error": {"type", "message", ...}}`."""
    error = {"type": refusal.kind, "message": refusal.message, **refusal.detail}
    return json_answer({"error": error}, refusal.status, refusal.headers)


def decode_typed(entry: ServedEntry, request: Request) -> dict[str, Any]:
    """Read the arguments from a JSON object."""
    return entry.decode(read_json(request))


def read_json(request: Request) -> Any:
    """Parse a body that should be JSON, by its content type too (raises `Refusal`)."""
    kind = request.headers.get(b"content-type", b"")
    if kind not in KINDS and not is_json(kind):
        raise Refusal(415, "unsupported_media_type",
                      f"the body should be application/json, but the content type is {kind.decode('latin-1')!r}")
    return parse_json(request.body)


def is_json(content_type: bytes) -> bool:
    """Tell whether a content type is JSON in UTF-8, whatever its parameters' spelling."""
    kind, _, parameters = content_type.lower().partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"")
    return kind.strip() == b"application/json" and charset in (b"", b"charset=utf-8")


def parse_json(body: bytes) -> Any:
    """Parse JSON, saying where it breaks."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body:
            raise Refusal(400, "invalid_json", "the body is empty; it should be a JSON object") from None
        raise Refusal(400, "invalid_json", f"the body is not JSON: {error}") from None


def encode_typed(request: Request, result: Any) -> Answer:
    """Write the result's JSON; for the proof also name the result's kind."""
    if request.headers.get(b"x-nbdeploy-proof") == b"1":
        kind = quote(describe(result), safe="".join(map(chr, range(0x20, 0x7F))).replace("%", "")).encode()
        return Answer(200, encode(result), (JSON, (b"x-nbdeploy-kind", kind)))
    return Answer(200, encode(result))
