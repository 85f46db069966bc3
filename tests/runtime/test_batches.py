"""Requests that are answered together get what each would get alone, errors too."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from handmade import entry
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_deploy.runtime.batches import ModelPlan, TablePlan
from jupyter_deploy.runtime.counters import Counters
from jupyter_deploy.runtime.decode import InvalidInput
from jupyter_deploy.runtime.entries import ServedEntry
from jupyter_deploy.runtime.lifting import lift
from jupyter_deploy.runtime.manifest import Parameter
from jupyter_deploy.runtime.messages import Answer, Request
from jupyter_deploy.runtime.protocols import oip
from jupyter_deploy.runtime.protocols.typed import prediction_of
from jupyter_deploy.runtime.refusals import Refusal

calls = []


def roots(rows):
    calls.append(len(rows))
    if (rows < 0).any():
        raise ValueError("negative")
    return np.sqrt(rows).sum(axis=1)


class Model:
    def predict(self, rows):
        calls.append(len(rows))
        if (rows < 0).any():
            raise ValueError("negative")
        return np.sqrt(rows).sum(axis=1)


model = Model()


def root(row, factor=1.0):
    if row[0] == 7:
        raise KeyError("seven")
    try:
        found = model.predict(row.reshape(1, -1))[0] * factor
    except ValueError as error:
        return {"error": str(error)}
    return found if found < 100 else {"again": model.predict(np.array([[found, factor]]))[0]}


def make(function, *parameters):
    served = ServedEntry(entry(function.__name__, *parameters), function)
    served.meter = Counters("name", "version", [served.name], None).meters[served.name]
    return served


ROOTS = make(roots, Parameter("rows", {"kind": "array", "dtype": "float64", "shape": [-1, 2]}))
ROOT = make(root, Parameter("row", {"kind": "array", "dtype": "float64", "shape": [2]}),
            Parameter("factor", {"kind": "float"}, required=False))


def refuse(request: Request, error: BaseException) -> Answer:
    if isinstance(error, Refusal):
        return request.route.refuse(error)
    if isinstance(error, InvalidInput):
        return request.route.refuse(Refusal(422, "invalid_input", str(error), field=error.field))
    return request.route.refuse(Refusal(500, "entry_failed", f"{type(error).__name__}: {error}"))


def answer_one(request: Request) -> Answer:
    route = request.route
    try:
        return route.encode(request, route.entry.call(route.decode(request)))
    except Exception as error:
        return refuse(request, error)


def ask(served, body, kind=b"application/json"):
    request = Request("POST", "", {b"content-type": kind}, body if isinstance(body, bytes) else json.dumps(body).encode())
    request.prediction = prediction_of(served)
    return request


TABLES = TablePlan(ROOTS, answer_one)
MODELS = ModelPlan(ROOT, lift(root), frozenset({model.predict}), answer_one, refuse)

numbers = st.sampled_from([0.0, 1.0, 4.0, 7.0, 9.0, 20000.0, 1e300, -1.0, 3, None, "x"])
rows = st.lists(numbers, min_size=1, max_size=3)
requests_of_tables = st.one_of(
    st.builds(lambda table: ask(ROOTS, {"rows": table}), st.lists(rows, max_size=3)),
    st.builds(lambda table: ask(ROOTS, {"rows": table}), st.lists(st.just([4.0, 9.0]), min_size=1, max_size=3)),
    st.sampled_from([ask(ROOTS, b""), ask(ROOTS, b"["), ask(ROOTS, []), ask(ROOTS, {}), ask(ROOTS, {"row": [[1, 2]]}),
                     ask(ROOTS, {"rows": [[1, 2]], "more": 1}), ask(ROOTS, {"rows": [[1, 2]]}, b"text/csv")]),
)
requests_of_models = st.one_of(
    st.builds(lambda row: ask(ROOT, {"row": row}), rows),
    st.builds(lambda x, factor: ask(ROOT, {"row": [x, 1], "factor": factor}), numbers, numbers),
    st.sampled_from([ask(ROOT, b""), ask(ROOT, {}), ask(ROOT, {"row": [1, 2], "more": 1})]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(requests_of_tables, max_size=8))
def test_tables_as_alone(requests):
    assert TABLES.answer(requests) == [answer_one(request) for request in requests]


@settings(max_examples=300, deadline=None)
@given(st.lists(requests_of_models, max_size=8))
def test_models_as_alone(requests):
    assert MODELS.answer(requests) == [answer_one(request) for request in requests]


@pytest.mark.parametrize(
    ("plan", "good"), [(TABLES, ask(ROOTS, {"rows": [[4, 9]]})), (MODELS, ask(ROOT, {"row": [4, 9]}))]
)
def test_one_call_for_all(plan, good):
    calls.clear()
    assert {answer.status for answer in plan.answer([good] * 20)} == {200}
    assert calls == [20]


@pytest.mark.parametrize(
    ("plan", "good", "bad"),
    [(TABLES, ask(ROOTS, {"rows": [[4, 9]]}), ask(ROOTS, {"rows": [[-1, 9]]})),
     (MODELS, ask(ROOT, {"row": [4, 9]}), ask(ROOT, {"row": [-1, 9]}))],
)
def test_a_failing_row_costs_few_calls(plan, good, bad):
    calls.clear()
    answers = plan.answer([good] * 40 + [bad] + [good] * 23)
    assert [answer.body for answer in answers].count(b"[5.0]" if plan is TABLES else b"5.0") == 63
    assert b"negative" in answers[40].body
    assert len(calls) < 16


def test_calls_of_another_protocol():
    """Each of their rows is a call of its own."""
    route = dataclasses.replace(prediction_of(ROOT), decode=lambda request: oip.decode_infer(ROOT, request))
    tensor = {"name": "row", "datatype": "FP64", "shape": [2, 2], "data": [4, 9, 1, 1]}
    request = Request("POST", "", {}, json.dumps({"inputs": [tensor]}).encode())
    request.prediction = route
    assert [answer.body for answer in MODELS.answer([request, ask(ROOT, {"row": [4, 9]})])] == [b"[5.0,2.0]", b"5.0"]
