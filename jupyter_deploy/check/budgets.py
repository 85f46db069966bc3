"""Budgets: what was measured of a service, held against what it may take. What was not measured holds against none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.packaged import format_size


@dataclass(frozen=True)
class Budgets:
    """What a service may take at most."""

    p95: float | None = None
    """Seconds of the 95th percentile of each entry's calls."""
    memory: int | None = None
    """Bytes of a worker."""
    image_size: int | None = None
    """Bytes of the container image."""


def is_slow(service: Mapping[str, Any], budgets: Budgets) -> bool:
    """Whether an entry was measured to take longer than its budget."""
    return budgets.p95 is not None and any(one["p95"] > budgets.p95 for one in service["latency"].values())


def judge_budgets(service: Mapping[str, Any], budgets: Budgets, title: str) -> Iterator[Finding]:
    """Hold the figures of a service against the budgets."""
    if budgets.p95 is not None:
        yield from _judge_latency(service, budgets.p95, title)
    for name, what, found, budget in (("memory", "the service", service["memory"], budgets.memory),
                                      ("image-size", "its image", service.get("image_size"), budgets.image_size)):
        if budget is None:
            continue
        if found is None:
            why = service.get("image_error") if name == "image-size" else "this system does not report it"
            yield _unmeasured(f"--{name}", f"{what} was not measured: {why}", title)
        elif found > budget:
            of = " of memory" if name == "memory" else ""
            yield Finding("error", "over-budget", f"{what} takes {format_size(found)}{of}; the budget is "
                          f"{format_size(budget)}", title, None, f"capture less, or raise --{name}")


def _judge_latency(service: Mapping[str, Any], budget: float, title: str) -> Iterator[Finding]:
    for entry in service["entries"]:
        latency = service["latency"].get(entry)
        if latency is None:
            changes = any(one["code"] == "changing-state" for one in service["findings"])
            why = "it changes globals with each call" if changes else "it has no golden call to measure it with"
            yield _unmeasured("--p95", f"{entry} was not measured: {why}", title)
        elif latency["p95"] > budget:
            yield Finding("error", "over-budget", f"{entry} takes {format_seconds(latency['p95'])} at the 95th "
                          f"percentile of {latency['calls']} calls; the budget is {format_seconds(budget)}", title,
                          None, "make the model smaller or the code faster, or raise --p95")


def _unmeasured(option: str, text: str, title: str) -> Finding:
    return Finding("error", "unmeasured", f"{text}, so the budget says nothing", title, None,
                   f"check this notebook without {option}")


def format_seconds(seconds: float) -> str:
    """Write a duration for people: `4.1 ms`, `12.3 s`."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
