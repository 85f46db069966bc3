"""Compiled models: microseconds a row beside the original's, and how far the answers are apart."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.kinds import ask, compile_kind, list_kinds
from benchmarks.machine import Quiet
from benchmarks.tables import table

COUNTS = (1, 64, 1000)
COMPARED = 1001
"""Rows on which the answers are compared."""
PATIENCE = {"quick": 0.1, "full": 1.0}
"""Seconds for which each is asked; the shortest call counts, which is what the machine can do undisturbed."""


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Train, compile, compare on rows made up for the trial, and time both in turn, each on one thread."""
    from threadpoolctl import threadpool_limits

    figures: dict[str, Any] = {}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        for kind in list_kinds():
            begun = time.perf_counter()
            form, compiled, rows = compile_kind(kind, COMPARED)
            seconds = time.perf_counter() - begun
            methods = ask(kind.model, kind.method), ask(compiled, kind.method)
            answers = [np.asarray(method(rows)) for method in methods]
            assert answers[0].dtype == answers[1].dtype
            if kind.method == "predict_proba":
                assert (kind.model.predict(rows) == compiled.predict(rows)).all(), "classes are always the same"
            times = {}
            for count in COUNTS:
                quiet.probe()
                times[str(count)] = _time(*methods, rows[1 : 1 + count], PATIENCE["quick" if quick else "full"])
            figures[kind.name] = {"form": form, "seconds": seconds, "compared": len(rows), "micros": times,
                                  "difference": float(np.abs(answers[0] - answers[1]).max()),
                                  "largest": float(np.abs(answers[0]).max())}
    return figures


def _time(
    original: Callable[[Any], Any], compiled: Callable[[Any], Any], rows: Any, patience: float
) -> dict[str, float]:
    best = {"original": float("inf"), "compiled": float("inf")}
    until = time.perf_counter() + patience
    while time.perf_counter() < until:
        for name, method in (("original", original), ("compiled", compiled)):
            begun = time.perf_counter()
            method(rows)
            best[name] = min(best[name], time.perf_counter() - begun)
    return {name: seconds * 1e6 / len(rows) for name, seconds in best.items()}


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = []
    for name, one in figures.items():
        times = []
        for count in COUNTS:
            pair = one["micros"][str(count)]
            ratio = pair["original"] / pair["compiled"]
            times += [f"{pair['original']:.3g} / {pair['compiled']:.3g}", f"**{ratio:.3g}**"]
        apart = f"{one['difference']:.1g}" if one["difference"] else "0"
        rows.append([name, one["form"], str(one["compared"]), apart, f"{one['largest']:.3g}", *times,
                     f"{one['seconds']:.2f}"])
    head = ["model", "compiled form", "rows compared", "largest difference", "of answers up to",
            *(text for count in COUNTS for text in (f"µs a row, {count} at once", "ratio")), "compiled in s"]
    return table(head, rows)
