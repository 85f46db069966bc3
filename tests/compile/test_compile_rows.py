"""The rows that a compiled form is tried with."""

from __future__ import annotations

import numpy as np
import pandas as pd
from forms import customers, data, fitted_table_model
from sklearn.ensemble import RandomForestClassifier

from jupyter_deploy.compile.candidate import find_candidate
from jupyter_deploy.compile.rows import make_rows


def test_half_of_the_rows_stand_on_a_threshold_or_beside_it() -> None:
    rows, labels = data("iris")
    model = RandomForestClassifier(5, random_state=0).fit(rows, labels)
    thresholds = find_candidate(model).thresholds
    made = make_rows(model, [rows[:3]], thresholds)
    near = [any(np.isclose(value, thresholds.get(place, []), rtol=1e-6, atol=0).any() for place, value in enumerate(row))
            for row in made]
    assert made.shape == (512, 4)
    assert all(near[::2])
    assert (make_rows(model, [rows[:3]], thresholds) == made).all(), "always the same ones"


def test_without_questions_the_model_tells_what_rows_look_like() -> None:
    rows, labels = data("iris")
    model = RandomForestClassifier(5, random_state=0).fit(pd.DataFrame(rows, columns=list("abcd")), labels)
    made = make_rows(model, [], find_candidate(model).thresholds)
    assert list(made.columns) == list("abcd")
    assert len(np.unique(model.predict(made))) == 3


def test_a_frame_stays_one_with_its_dtypes() -> None:
    model, table = fitted_table_model()
    made = make_rows(model, [table.head(9), table.tail(3)], {})
    assert list(made.dtypes) == list(table.dtypes)
    assert set(made["city"].dropna()) <= {"Leeds", "Lyon", "Lodz"}
    assert made["bill"].nunique() > 200
    assert made["visits"].between(0, 9).all()
    assert len(customers()[0]) == 300


def test_lists_stay_lists_and_nan_comes_in_where_it_is_taken() -> None:
    model = RandomForestClassifier(5, random_state=0).fit(*data("iris"))
    made = make_rows(model, [[[5.1, 3.5, 1.4, 0.2]]], {})
    assert isinstance(made, list)
    assert isinstance(made[0][0], float)
    assert np.isnan(np.array(make_rows(model, [], {}, missing=True))).any(axis=1).sum() == 64
