"""Warming up: calling the golden calls, so that the first caller waits for nothing."""

from __future__ import annotations

import asyncio
import logging

import orjson

from .calls import Caller
from .entries import Service
from .logs import log
from .manifest import GOLDEN, GoldenCall
from .messages import Prediction, Request
from .protocols.typed import prediction_of

PATIENCE = 30.0
"""Seconds after which a worker is ready even if not every golden call has been called."""


async def warm_up(service: Service, caller: Caller) -> None:
    """Call every golden call that changes nothing the way a request would, and measure each entry when it is warm."""
    if not (service.bundle / GOLDEN).is_dir():
        return  # they were left out of the image
    calls = [call for call in service.manifest.golden if not service.entries[call.entry].described.mutates]
    try:
        await asyncio.wait_for(_call_all(service, caller, calls), PATIENCE)
    except asyncio.TimeoutError:
        log(logging.WARNING, f"the golden calls did not end within {PATIENCE:g} s; the service is used as it is")


async def _call_all(service: Service, caller: Caller, calls: list[GoldenCall]) -> None:
    cold: dict[str, tuple[Prediction, Request]] = {}
    for call in calls:
        entry = service.entries[call.entry]
        golden = orjson.loads((service.bundle / call.file).read_bytes())
        prediction, request = prediction_of(entry), Request("POST", "", {}, orjson.dumps(golden["request"]))
        if await _try(caller, prediction, request):
            cold[entry.name] = prediction, request
    for prediction, request in cold.values():
        # The first calls paid for imports and caches; what counts is how long the next one takes.
        prediction.entry.seconds = float("inf")
        await _try(caller, prediction, request)


async def _try(caller: Caller, prediction: Prediction, request: Request) -> bool:
    answer = await caller.call_later(prediction, request)
    if answer.status != 200:
        log(logging.WARNING, f"a golden call of {prediction.entry.name} was not answered", answer=answer.body.decode())
    return answer.status == 200
