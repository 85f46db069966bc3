"""Pipelines whose first steps stay as they are: the model behind them is compiled."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forms import customers, data, methods_of, table_steps
from live_notebook import LiveNotebook
from sklearn import ensemble
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jupyter_deploy.capture.state import serialise
from jupyter_deploy.compile.candidate import find_candidate
from jupyter_deploy.compile.errors import NotCompiled, NotFaster
from jupyter_deploy.compile.partial import try_partial, write_partial
from jupyter_deploy.runtime.compiled.description import write_description
from jupyter_deploy.runtime.compiled.pipeline import PartlyCompiled
from jupyter_deploy.runtime.manifest import read_manifest

pytestmark = pytest.mark.filterwarnings("ignore")


class Shares(TransformerMixin, BaseEstimator):
    """A transformer of one's own: each number as a share of its row's sum."""

    def fit(self, rows: Any, labels: Any = None) -> Shares:
        self.fitted_ = True
        return self

    def transform(self, rows: Any) -> Any:
        return np.asarray(rows) / np.abs(np.asarray(rows)).sum(axis=1, keepdims=True)


def add_ratio(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(ratio=table["score"] / (1 + table["visits"]))[["score", "visits", "ratio"]]


def compiled_of(model: Any) -> PartlyCompiled:
    candidate = find_candidate(model)
    return PartlyCompiled(candidate.before, write_description(candidate.description))


FOREST = ensemble.RandomForestClassifier(30, random_state=0)


@pytest.mark.parametrize(("model", "before"), [
    (make_pipeline(Shares(), FOREST), ["Shares"]),
    (make_pipeline(Shares(), StandardScaler(), FOREST), ["Shares"]),
    (make_pipeline(StandardScaler(), FunctionTransformer(np.arctan), StandardScaler(), LogisticRegression()),
     ["StandardScaler", "FunctionTransformer"]),
    (make_pipeline(make_pipeline(Shares(), StandardScaler()), ensemble.GradientBoostingClassifier(n_estimators=9)),
     ["Shares"]),
    (GridSearchCV(make_pipeline(Shares(), ensemble.ExtraTreesClassifier(5)), {"extratreesclassifier__max_depth": [2, 4]}),
     ["Shares"]),
], ids=["forest", "scaled", "inner", "nested", "search"])
def test_the_end_is_compiled_and_answers_are_the_same(model: Any, before: list[str]) -> None:
    rows, labels = data("cancer")
    model.fit(rows, labels)
    compiled = compiled_of(model)
    assert [type(step).__name__ for step in find_candidate(model).before] == before
    for method in methods_of(model):
        np.testing.assert_allclose(getattr(compiled, method)(rows), getattr(model, method)(rows), rtol=1e-6, atol=1e-12)
    assert compiled.classes_.tolist() == model.classes_.tolist()


def test_a_table_whose_columns_are_made_by_a_function() -> None:
    table, left = customers()
    model = make_pipeline(FunctionTransformer(add_ratio), StandardScaler().set_output(transform="pandas"), FOREST)
    compiled = compiled_of(model.fit(table, left))
    assert (compiled.predict_proba(table) == model.predict_proba(table)).all()
    assert compiled.feature_names_in_.tolist() == list(table.columns)
    with pytest.raises(KeyError, match="visits"):
        compiled.predict(table.drop(columns="visits"))


def test_a_step_that_gives_frames_stays() -> None:
    table, left = customers()
    model = make_pipeline(table_steps(), StandardScaler().set_output(transform="pandas"), LogisticRegression())
    candidate = find_candidate(model.fit(table, left))
    assert [type(step).__name__ for step in candidate.before] == ["ColumnTransformer", "StandardScaler"]
    assert "set_output" in candidate.left


def test_a_transformer_of_ones_own_among_columns() -> None:
    table, left = customers()
    columns = make_column_transformer((Shares(), ["score", "visits"]), ("passthrough", ["visits"]))
    model = make_pipeline(columns, ensemble.RandomForestClassifier(200, random_state=0)).fit(table, left)
    candidate = find_candidate(model)
    trial = try_partial(model, candidate, ["predict", "predict_proba"], [table.head(5)])
    assert (trial.rows, trial.difference) == (512, 0.0)
    assert candidate.form == "ONNX Runtime behind ColumnTransformer"


def test_it_lies_in_the_bundle_without_the_model() -> None:
    rows, labels = data("cancer")
    model = make_pipeline(Shares(), FOREST).fit(rows, labels)
    value = write_partial(find_candidate(model), lambda target: None)
    assert value.format == "pickle"
    assert "sklearn.ensemble._forest" in serialise(model, lambda target: None).modules
    assert not {module for module in value.modules if module.startswith(("sklearn.ensemble", "jupyter_deploy"))}
    buffers = value.files.get(".bin")
    assert buffers is not None
    assert buffers not in pickle.dumps(model)


def test_what_is_not_worth_it_or_cannot_be_shown_stays() -> None:
    rows, labels = data("cancer")

    def wait(rows: Any) -> Any:
        time.sleep(0.02)
        return rows

    slow = make_pipeline(FunctionTransformer(wait), LogisticRegression()).fit(rows, labels)
    with pytest.raises(NotFaster, match=r"no compiled form of FunctionTransformer, and compiling .* gains little"):
        try_partial(slow, find_candidate(slow), ["predict"], [rows[:3]])
    with pytest.raises(NotCompiled, match="asked about no table of rows"):
        try_partial(slow, find_candidate(slow), ["predict"], [])


def test_a_service_with_a_transformer_of_the_notebook(notebook: LiveNotebook) -> None:
    notebook.run(
        "import numpy as np\nimport pandas as pd\nfrom sklearn.base import BaseEstimator, TransformerMixin\n"
        "from sklearn.ensemble import RandomForestClassifier\nfrom sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer\n"
        "rng = np.random.default_rng(0)\n"
        "houses = pd.DataFrame({'area': rng.gamma(9, 9, 300), 'rooms': rng.integers(1, 6, 300)})",
        "class Ratio(TransformerMixin, BaseEstimator):\n    def fit(self, rows, labels=None):\n        return self\n"
        "    def transform(self, rows):\n        return np.c_[rows.area / rows.rooms, rows.area]",
        "model = make_pipeline(FunctionTransformer(lambda rows: rows.dropna()), Ratio(), "
        "RandomForestClassifier(200, random_state=0)).fit(houses, houses.area > 80)",
        "def large(houses: pd.DataFrame) -> np.ndarray:\n    return model.predict_proba(houses)", "large(houses.head(3))")
    done = notebook.deploy("large")
    assert done["equal"] == done["calls"]
    manifest = read_manifest(Path(done["folder"]))
    (item,) = manifest.state
    assert item.compiled is not None
    assert (item.format, item.compiled.form, item.compiled.rtol) == ("pickle", "ONNX Runtime behind Ratio", 0.0)
    assert ("sklearn.ensemble._forest", "RandomForestClassifier") not in item.globals
    assert {"scikit-learn", "onnxruntime", "pandas"} <= set(done["packages"])
    assert notebook.deploy("large --exact")["version"] != done["version"]
    assert notebook.deploy("large")["version"] == done["version"], "same capture, same bytes"
    answer = notebook.value("_endpoint.call(houses.tail(9))")
    assert answer == notebook.value("large(houses.tail(9)).tolist()")
