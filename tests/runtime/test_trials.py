"""Which entries may answer requests together: what each row is answered must not depend on the others."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from handmade import entry

from jupyter_deploy.runtime.batches import ModelPlan, TablePlan
from jupyter_deploy.runtime.counters import Counters
from jupyter_deploy.runtime.entries import ServedEntry
from jupyter_deploy.runtime.manifest import Parameter
from jupyter_deploy.runtime.messages import Answer, Request
from jupyter_deploy.runtime.protocols.typed import prediction_of
from jupyter_deploy.runtime.trials import Trial, Unlike

ARRAY = {"kind": "array", "dtype": "float64", "shape": [-1, 2]}
ROW = {"kind": "array", "dtype": "float64", "shape": [2]}
FRAME = {"kind": "frame", "index": None, "columns": [{"name": name, "dtype": "float64"} for name in ("a", "b")]}
LIST = {"kind": "list", "of": {"kind": "str"}}
ROWS = [[3.0, 1.0], [1.0, 5.0], [2.0, 2.0]]
RECORDS = [{"a": a, "b": b} for a, b in ROWS]


class Model:
    """Answers row by row, or not quite."""

    def predict(self, rows):
        return np.asarray(rows).sum(axis=1)

    def predict_proba(self, rows):
        return np.asarray(rows) * (1.0 if len(rows) == 1 else 1.0 + 1e-16 + 2e-16)

    def decision_function(self, rows):
        return np.asarray(rows) - np.asarray(rows).mean()


model = Model()


def make(function, spec):
    served = ServedEntry(entry(function.__name__, Parameter("rows", spec)), function)
    served.meter = Counters("name", "version", [served.name], None).meters[served.name]
    return served


def answer_one(request: Request) -> Answer:
    route = request.route
    return route.encode(request, route.entry.call(route.decode(request)))


def refuse(request: Request, error: BaseException) -> Answer:
    raise AssertionError from error


def try_out(function, spec, *golden):
    served = make(function, spec)
    requests = [Request("POST", "", {}, json.dumps({"rows": rows}).encode()) for rows in golden]
    for request in requests:
        request.prediction = prediction_of(served)
    return Trial(served, requests, answer_one, refuse).find_plan()


def double(rows):
    return rows * 2


def label(rows):
    return ["high" if row.a > 1.5 else "low" for row in rows.itertuples()]


def table(rows):
    return pd.DataFrame({"sum": rows["a"] + rows["b"], "high": rows["a"] > 1.5})


def lengths(rows):
    return [{"text": row, "length": len(row)} for row in rows]


def ask_all(rows):
    return model.predict(rows)


@pytest.mark.parametrize(
    ("function", "spec", "golden"),
    [(double, ARRAY, ROWS), (label, FRAME, RECORDS), (table, FRAME, RECORDS), (lengths, LIST, ["a", "bc", "def"]),
     (ask_all, ARRAY, ROWS)],
)
def test_row_by_row(function, spec, golden):
    assert isinstance(try_out(function, spec, golden), TablePlan)


def centre(rows):
    return rows - rows.mean(axis=0)


def total(rows):
    return float(rows.sum())


def sort(rows):
    return rows.sort_values("a")


def select(rows):
    return rows[rows["a"] > 1.5]


def accumulate(rows):
    return rows.cumsum()


def distinct(rows):
    return [*dict.fromkeys(rows)]


def number(rows):
    return [f"{place}: {row}" for place, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("function", "spec", "golden"),
    [(centre, ARRAY, ROWS), (total, ARRAY, ROWS), (sort, FRAME, RECORDS), (sort, FRAME, sorted(RECORDS, key=str)),
     (select, FRAME, RECORDS), (accumulate, FRAME, RECORDS), (distinct, LIST, ["a", "b"]), (number, LIST, ["a", "b"]),
     (double, ARRAY, ROWS[:1]), (double, {**ARRAY, "shape": [3, 2]}, ROWS)],
)
def test_not_row_by_row(function, spec, golden):
    with pytest.raises(Unlike):
        try_out(function, spec, golden)


def ask(rows):
    return {"sum": model.predict(rows.reshape(1, -1))[0]}


def ask_twice(rows):
    first = model.predict([[rows[0], 1.0]])[0]
    return [first, model.predict(rows.reshape(1, -1))[0]] if first > 2 else [first]


def test_asks_a_model():
    for function in (ask, ask_twice):
        assert isinstance(try_out(function, ROW, ROWS[0]), ModelPlan)


def ask_roughly(rows):
    return model.predict_proba(rows.reshape(1, -1))[0].tolist()


def ask_about_all(rows):
    return model.decision_function([[rows[0], rows[1]]])[0].tolist()


def ask_flat(rows):
    return text.predict(float(rows[0]))


class Text:
    def predict(self, value):
        return value * 2


text = Text()


@pytest.mark.parametrize("function", [ask_roughly, ask_about_all, ask_flat])
def test_model_that_differs(function):
    with pytest.raises(Unlike):
        try_out(function, ROW, ROWS[0])
