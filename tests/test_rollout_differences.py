"""What a shadow answered otherwise, as a notebook shows it."""

from __future__ import annotations

import pandas as pd

from jupyter_deploy.rollouts import Differences

ONE = {"time": "2026-01-01T00:00:00+00:00", "entry": "predict", "path": [0, "risk"], "live": 0.1 + 0.2,
       "shadow": 1 / 3, "input": {"rows": [{"name": "<b>", "age": 1.23456789}]}}


def test_a_table_with_six_digits_in_a_notebook():
    shown = Differences([ONE])._repr_html_()
    assert ">[0].risk<" in shown
    assert ">0.3<" in shown
    assert ">0.333333<" in shown
    assert "1.23457" in shown
    assert "<b>" not in shown


def test_it_is_a_tuple_that_pandas_takes():
    table = pd.DataFrame(Differences([ONE, ONE]))
    assert list(table["live"]) == [ONE["live"]] * 2
    assert repr(Differences()) == "no answers that differ were kept"


def test_as_text_columns_have_names_and_the_first_rows_are_shown():
    lines = repr(Differences([ONE] * 23)).splitlines()
    assert lines[0].split() == ["time", "entry", "place", "live", "shadow", "input"]
    assert lines[1].index("[0].risk") == lines[0].index("place")
    assert len(lines) == 22
    assert lines[-1] == "… and 3 more"
    assert "… and" not in Differences([ONE] * 20)._repr_html_()
