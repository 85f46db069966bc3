"""KServe's version 1 protocol, which has the shape of TensorFlow Serving's REST interface.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..encode import encode
from ..entries import Arguments, ServedEntry, Service
from ..messages import Answer, Page, Prediction, Request, Routes, json_answer
from ..refusals import Refusal
from .oip import refuse
from .typed import parse_json


def add_routes(service: Service, routes: Routes, *, ready: Callable[[], bool]) -> None:
    """Add each model's routes; a service of one entry answers under its own name too."""
    models = list(service.entries)
    routes.pages["/v1/models"] = Page(lambda _: json_answer({"models": models}), refuse)
    routes.refusers["/v1/"] = refuse
    for model, entry in service.models().items():
        routes.pages[f"/v1/models/{model}"] = Page(partial(_answer_ready, model, ready), refuse, guarded=False)
        prediction = Prediction(entry, partial(decode_predict, entry), encode_predict, refuse)
        routes.predictions[f"/v1/models/{model}:predict"] = prediction


def _answer_ready(model: str, ready: Callable[[], bool], _: Request) -> Answer:
    return json_answer({"name": model, "ready": ready()}, 200 if ready() else 503)


def decode_predict(entry: ServedEntry, request: Request) -> Arguments:
    """Read `{"instances": [...]}` or `{"inputs": ...}`."""
    parsed = parse_json(request.body)
    forms = [name for name in ("instances", "inputs") if isinstance(parsed, dict) and name in parsed]
    if len(forms) != 1:
        raise Refusal(400, "invalid_request", "the body should be an object with either `instances` or `inputs`")
    read = entry.forms.read_instances if forms == ["instances"] else entry.forms.read_inputs
    return read(parsed[forms[0]])


def encode_predict(_: Request, result: Any) -> Answer:
    """Write `{"predictions": ...}`."""
    return Answer(200, b'{"predictions":' + encode(result) + b"}")
