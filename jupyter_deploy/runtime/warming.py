"""Warming up: calling the golden calls, so that the first caller waits for nothing."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import orjson

from .batches import Plan
from .calls import INSTANT, Caller
from .conduct import SAID
from .encode import encode
from .entries import ServedEntry, Service
from .grip import Finding, measure_grip
from .logs import log
from .manifest import GoldenCall
from .messages import Request
from .options import Options
from .protocols.typed import prediction_of
from .trials import ROW_BY_ROW, Trial, Unlike

PATIENCE = 30.0
"""Seconds after which a worker is ready even if not every golden call has been called."""


async def warm_up(service: Service, caller: Caller, options: Options) -> None:
    """Call every golden call that changes nothing the way a request would, and measure each entry when it is warm.

    In between it is tried whether the entry can answer requests together; then it has a `Plan`. Where the
    golden calls were left out of the image the manifest lists none: nothing is proven, and each request answered alone.
    """
    calls = [call for call in service.manifest.golden if not service.entries[call.entry].described.mutates]
    try:
        await asyncio.wait_for(_call_all(service, caller, calls, options), PATIENCE)
    except asyncio.TimeoutError:
        log(logging.WARNING, f"the golden calls did not end within {PATIENCE:g} s; the service is used as it is")


async def _call_all(service: Service, caller: Caller, calls: list[GoldenCall], options: Options) -> None:
    warm: dict[str, list[Request]] = {}
    for call in calls:
        golden = orjson.loads((service.bundle / call.file).read_bytes())
        request = Request("POST", "", {}, orjson.dumps(golden["request"]))
        request.prediction = prediction_of(service.entries[call.entry])
        if await _try(caller, request):
            warm.setdefault(call.entry, []).append(request)
    for name, requests in warm.items():
        entry = service.entries[name]
        await _try_without_rows(entry, requests[0], caller)
        if entry.is_async or service.stateful or options.batch == 1:
            entry.alone = _say_why_alone(entry, options)
        else:
            await _try_together(entry, requests, caller, options.batch)
        # The first calls paid for imports and caches; what counts is how long the next one takes.
        entry.seconds = float("inf")
        await _try(caller, requests[-1])
        if not entry.is_async and not service.stateful and entry.seconds >= INSTANT:
            await _watch(entry, requests[-1], caller, options)
    caller.fit(service.entries.values())


def _say_why_alone(entry: ServedEntry, options: Options) -> str:
    if options.batch == 1:
        return "--batch off"
    return "it is async" if entry.is_async else "calls change what later calls read"


async def _watch(entry: ServedEntry, golden: Request, caller: Caller, options: Options) -> None:
    """Find out whether an entry that is not called at once lets others run, unless that is known."""
    run = partial(measure_grip, partial(caller.answer, golden))
    known = options.grips.get(entry.name)
    entry.finding = await caller.submit(entry, run, lambda _: Finding("unknown")) if known is None else Finding(known)
    log(logging.INFO, f"a call of {entry.name} takes {entry.seconds * 1000:.1f} ms and {SAID[entry.finding.grip]}")


async def _try_without_rows(entry: ServedEntry, golden: Request, caller: Caller) -> None:
    """Find out whether an entry that takes a table can be called without any rows; most models cannot."""
    table = entry.forms.target
    if entry.forms.take not in ROW_BY_ROW or table not in entry.forms.required or entry.is_async:
        return
    run = partial(_answers, entry, {**orjson.loads(golden.body), table: []})
    if not await caller.submit(entry, run, lambda _: False):
        entry.require_rows()


def _answers(entry: ServedEntry, request: dict[str, Any]) -> bool:
    try:
        encode(entry.call(entry.decode(request)))
    except (Exception, SystemExit):  # noqa: BLE001 - whatever the service's code raises, it does not take this
        return False
    return True


async def _try_together(entry: ServedEntry, requests: list[Request], caller: Caller, most: int) -> None:
    trial = Trial(entry, requests, caller.answer, caller.refuse)
    found = await caller.submit(entry, partial(_find_plan, trial), lambda refusal: refusal.message)
    if isinstance(found, str):
        entry.alone = found
        log(logging.INFO, f"{entry.name} answers each request alone: {found}")
    else:
        log(logging.INFO, f"{entry.name} answers requests together that arrive together", most=most)
        entry.plan = found


def _find_plan(trial: Trial) -> Plan | str:
    try:
        return trial.find_plan()
    except Unlike as reason:
        return str(reason)


async def _try(caller: Caller, request: Request) -> bool:
    answer = await caller.call_later(request)
    if answer.status != 200:
        name = request.route.entry.name
        log(logging.WARNING, f"a golden call of {name} was not answered", answer=answer.body.decode())
    return answer.status == 200
