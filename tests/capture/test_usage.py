"""What a slice does with a value: a model's place is taken only if it is asked and nothing else."""

from __future__ import annotations

import pytest

from jupyter_deploy.capture.slice import Piece
from jupyter_deploy.capture.usage import find_use


@pytest.mark.parametrize(("code", "methods"), [
    ("def f(x):\n    return model.predict(x)", {"predict"}),
    ("def f(x):\n    return model.predict_proba([x])[0, 1], model.classes_[0], model.n_features_in_",
     {"predict_proba"}),
    ("def f(x):\n    g = lambda y: model.decision_function(y)\n    return g(x), x.model, model.feature_names_in_",
     {"decision_function"}),
    ("def f(x):\n    model.eval()\n    return model(x)", {"__call__"}),
])
def test_asking_is_plain(code: str, methods: set[str]) -> None:
    use = find_use("model", [Piece("f", "function", code, "f"), Piece("model", "state", "model = load('model')", "f")])
    assert use.methods == methods
    assert use.plain
    assert use.other is None


@pytest.mark.parametrize(("code", "shown"), [
    ("def f(x):\n    return model.coef_ @ x", "model.coef_"),
    ("def f(x):\n    return explain(model, x)", "explain(model, x)"),
    ("def f(x):\n    return isinstance(model, object)", "isinstance(model, object)"),
    ("def f(x):\n    return model[-1].predict(x)", "model[-1]"),
    ("def f(x):\n    return model.predict(x, return_std=True)", "model.predict"),
    ("def f(x):\n    return list(map(model.predict, x))", "model.predict"),
    ("def f(x):\n    global model\n    model = x", "global model"),
    ("def f(x):\n    model.classes_ = x", "model.classes_"),
    ("def f(x):\n    return model.predict(*x)", "model.predict"),
    ("other = model", "other = model"),
    ("def f(x, used=model):\n    return used.predict(x)", "model"),
    ("def f(x):\n    return globals()['model'].score(x)", "globals()"),
    ("def f(x):\n    return model(*x)", "model(*x)"),
    ("def f(x):\n    return model.eval('a + 1')", "model.eval"),
])
def test_any_other_use_is_told(code: str, shown: str) -> None:
    asks = Piece("g", "function", "def g(x):\n    return model.predict(x)", "g")
    use = find_use("model", [asks, Piece("f", "function", code, "f", "cell [3]")])
    assert not use.plain
    assert use.other is not None
    assert use.other.startswith("cell [3] uses it in another way")
    assert shown in use.other
