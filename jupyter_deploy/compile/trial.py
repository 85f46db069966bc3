"""Whether a compiled form answers as its model does, and faster: both are asked about the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from jupyter_deploy.compile.errors import NotCompiled, NotFaster
from jupyter_deploy.runtime.compiled.rows import Array

RTOL, ATOL = 1e-4, 1e-5
"""How far numbers may be from the model's; classes have to be the same."""
MARGIN = 1.2
"""How many times faster it has to be, for one row and for `MANY`."""
MANY = 64
ALONE = 4
"""Rows that both are also asked about one by one: a model may answer a row alone with other bits."""
PATIENCE = 0.03
"""Seconds for which each speed is measured; each is asked at least `LEAST` times."""
LEAST = 2

Method = Callable[[Any], Any]


@dataclass(frozen=True)
class Trial:
    """How a compiled form stood its trial."""

    rows: int
    difference: float
    """The largest difference of a number; 0: equal to the last bit."""
    faster_alone: float
    """How many times faster it answers one row."""
    faster_together: float
    """The same for `MANY` rows, a row."""
    micros: tuple[float, float]
    """Microseconds for one row: the model's, and the compiled form's."""


def try_out(model: Any, compiled: Any, methods: Sequence[str], rows: Any, asked: Sequence[Any]) -> Trial:
    """Compare a model with its compiled form (raises `NotCompiled` where they differ, or it is not faster)."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        difference = 0.0
        for method in methods:
            for table in [*asked, rows, *(rows[place : place + 1] for place in range(ALONE))]:
                difference = max(difference, _compare(method, model, compiled, table))
        speeds = [_race(getattr(model, method), getattr(compiled, method), rows) for method in methods]
    alone, together, micros = min(speeds)
    if alone < MARGIN or together < MARGIN:
        raise NotFaster(f"its compiled form is not faster by a fifth: {alone:.1f}x for one row, "
                          f"{together:.1f}x for {MANY}")
    return Trial(len(rows), difference, alone, together, micros)


def _compare(method: str, model: Any, compiled: Any, table: Any) -> float:
    """Give the largest difference of two answers (raises `NotCompiled` if it is too large)."""
    expected, refusal = _ask(getattr(model, method), table)
    found, other = _ask(getattr(compiled, method), table)
    if refusal is not None or other is not None:
        if type(refusal) is type(other):
            return 0.0  # both refuse it in the same way
        who, why = ("its compiled form", other) if other is not None else ("the model itself", refusal)
        raise NotCompiled(f"{who} refuses rows in {method}: {type(why).__name__}: {_first_line(why)}")
    return measure_difference(method, expected, found)


def _ask(method: Method, table: Any) -> tuple[Any, Exception | None]:
    try:
        return method(table), None
    except Exception as error:  # noqa: BLE001 - the other one has to raise the same
        return None, error


def _first_line(error: Exception | None) -> str:
    return str(error).strip().partition("\n")[0]


def measure_difference(method: str, expected: Array, found: Array) -> float:
    """Give the largest difference of a number (raises `NotCompiled` if it is too large, or classes differ)."""
    if type(expected) is not type(found) or expected.dtype != found.dtype or expected.shape != found.shape:
        raise NotCompiled(f"{method} gives {_describe(expected)}, its compiled form {_describe(found)}")
    if hasattr(expected, "detach"):
        expected, found = expected.detach().numpy(), found.detach().numpy()
    if expected.dtype.kind != "f":
        wrong = int((expected != found).sum())
        if wrong:
            raise NotCompiled(f"{method} differs for {wrong} of {len(expected)} rows")
        return 0.0
    distance = np.where((expected == found) | (np.isnan(expected) & np.isnan(found)), 0.0, np.abs(expected - found))
    largest = float(distance.max(initial=0.0))
    if not (distance <= ATOL + RTOL * np.abs(expected)).all():
        raise NotCompiled(f"{method} differs by up to {largest:.1e}, which is more than the tolerance")
    return largest


def _describe(answer: Any) -> str:
    if not hasattr(answer, "dtype"):
        return f"a {type(answer).__name__}"
    return f"{answer.dtype}{list(answer.shape)}"


def _race(model: Method, compiled: Method, rows: Any) -> tuple[float, float, tuple[float, float]]:
    """Measure how many times faster the compiled form is: for one row, for many, and the times for one."""
    slow, fast = time_both(model, compiled, rows[:1])
    many_slow, many_fast = time_both(model, compiled, rows[:MANY])
    return slow / fast, many_slow / many_fast, (slow * 1e6, fast * 1e6)


def time_both(model: Method, compiled: Method, rows: Any) -> tuple[float, float]:
    """Give the shortest time of each in seconds, asked in turn: what else the machine does hits both."""
    best = [float("inf"), float("inf")]
    until = perf_counter() + PATIENCE
    number = 0
    while number < LEAST or perf_counter() < until:
        for place, method in enumerate((model, compiled)):
            started = perf_counter()
            method(rows)
            best[place] = min(best[place], perf_counter() - started)
        number += 1
    return best[0], best[1]
