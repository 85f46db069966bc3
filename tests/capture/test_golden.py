"""What of a call's arguments is kept in a golden call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.capture.golden import CallSite, shorten

ROW = pd.Series(["Lyon", *map(float, range(29))], index=[f"column {number}" for number in range(30)])


@pytest.mark.parametrize(("value", "kept"), [
    (pd.DataFrame({"bill": range(100)}), 20),
    (np.zeros((100, 3)), 20),
    ([[1.0, 2.0]] * 100, 20),
    ([{"bill": 1.0}] * 100, 20),
    (["a review"] * 100, 20),
    (pd.Series(["a review"] * 100), 20),
    ([np.zeros(3)] * 100, 20),
    ([0.5] * 100_000, 20),
    (np.zeros(30), 30),
    ([0.5] * 30, 30),
    (["Lyon", *[1.0] * 29], 30),
    (list(np.zeros(30)), 30),
    (ROW, 30),
])
def test_tables_are_shortened_and_rows_stay_whole(value: Any, kept: int) -> None:
    site = shorten(CallSite((), {"rows": value}, "cell [1]"))
    assert len(site.kwargs["rows"]) == kept
    assert ("(first 20 rows)" in site.source) == (kept == 20)


def test_the_call_is_kept_as_it_was_unless_it_is_huge() -> None:
    rows = pd.DataFrame({"bill": range(100)})
    assert shorten(CallSite((rows,), {}, "cell [1]")).whole == CallSite((rows,), {}, "cell [1]")
    assert shorten(CallSite((np.zeros((1_000_000, 2)),), {}, "cell [1]")).whole is None
    own = CallSite((), {"similar": np.zeros((100, 100))}, "cell [1]")
    assert shorten(own, own.kwargs.values()) == own
