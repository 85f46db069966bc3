"""Functions as generators of the questions that they put to models."""

from __future__ import annotations

import functools
import threading

import pytest

from jupyter_deploy.runtime.lifting import lift


class Model:
    def predict(self, rows):
        return [sum(row) for row in rows]

    def predict_proba(self, rows, scale=1):
        if not rows[0]:
            raise ValueError("an empty row")
        return [[scale * sum(row)] for row in rows]


model = Model()
lock = threading.Lock()


def plain(x, y=2.0, *, z=1):
    return model.predict([[x, y, z]])[0]


def twice(x):
    first = model.predict([[x]])[0]
    if first > 3:
        return {"total": first, "share": model.predict_proba([[first, x]])[0][0]}
    return {"total": first}


def caught(x):
    try:
        return model.predict_proba([[x] if x else []])
    except ValueError as error:
        return str(error)


def nested(x):
    return model.predict([model.predict([[x, 1]])])[0]


def drive(lifted, *args, **kwargs):
    """Put each question to the model at once."""
    generator = lifted(*args, **kwargs)
    asked = 0
    try:
        method, rows = next(generator)
        while True:
            asked += 1
            try:
                answer = method(rows)
            except ValueError as error:
                method, rows = generator.throw(error)
            else:
                method, rows = generator.send(answer)
    except StopIteration as end:
        return end.value, asked


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "asked"),
    [(plain, (1,), {}, 1), (plain, (1, 5), {"z": 3}, 1), (twice, (1,), {}, 1), (twice, (4,), {}, 2), (caught, (3,), {}, 1),
     (caught, (0,), {}, 1), (nested, (3,), {}, 2)],
)
def test_same_results(function, args, kwargs, asked):
    assert drive(lift(function), *args, **kwargs) == (function(*args, **kwargs), asked)


def holding(x):
    with lock:
        return model.predict([[x]])


def acquiring(x):
    lock.acquire()
    found = model.predict([[x]])
    lock.release()
    return found


def comprehending(x):
    return [model.predict([[each]]) for each in x]


def inside(x):
    def ask():
        return model.predict([[x]])

    return ask()


def more_arguments(x):
    return model.predict_proba([[x]], scale=2), model.predict_proba([[x]], 2), model.predict_proba(*[[[x]]])


@functools.cache
def decorated(x):
    return model.predict([[x]])


def yielding(x):
    yield model.predict([[x]])


async def waiting(x):
    return model.predict([[x]])


def asking_nobody(x):
    return x + 1


wrapped = functools.partial(plain, 1)


@pytest.mark.parametrize(
    "function", [holding, acquiring, comprehending, inside, more_arguments, decorated, yielding, waiting, asking_nobody,
                 wrapped, model.predict, len, Model],
)
def test_not_lifted(function):
    assert lift(function) is None


def test_traceback_leads_to_the_line():
    generator = lift(caught)(5)
    next(generator)
    with pytest.raises(KeyError) as caught_error:
        generator.throw(KeyError("x"))
    last = caught_error.traceback[-1]
    assert (str(last.path), last.lineno + 1) == (__file__, caught.__code__.co_firstlineno + 2)
