"""Every model that is said to be compiled answers as the original does; where difference 0 is said, to the last bit."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from forms import compile_through, data, fitted_table_model, methods_of
from sklearn import ensemble, linear_model, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from jupyter_deploy.compile.candidate import find_candidate
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.rows import make_rows

pytestmark = pytest.mark.filterwarnings("ignore")
LINEAR = 1e-12
"""A linear model's original answers a row among others with other bits than alone: its compiled form is as near."""
SINGLE = 2e-7
"""The logistic function of XGBoost in single precision."""


@dataclass(frozen=True)
class Case:
    model: Any
    data: str
    difference: float = 0.0

    def __str__(self) -> str:
        return f"{type(self.model).__name__}-{self.data}"


CASES = [
    Case(make_pipeline(StandardScaler(), LogisticRegression()), "cancer", LINEAR),
    Case(make_pipeline(MinMaxScaler(clip=True), LogisticRegression(max_iter=500)), "iris", LINEAR),
    Case(make_pipeline(RobustScaler(), svm.LinearSVC()), "cancer", LINEAR),
    Case(make_pipeline(StandardScaler(), linear_model.RidgeClassifier()), "iris", LINEAR),
    Case(make_pipeline(StandardScaler(), linear_model.SGDClassifier(loss="log_loss")), "cancer", LINEAR),
    Case(linear_model.LinearRegression(), "diabetes", 1e-10),
    Case(make_pipeline(StandardScaler(), linear_model.Ridge()), "diabetes", 1e-10),
    Case(linear_model.Lasso(), "diabetes", 1e-10),
    Case(linear_model.SGDRegressor(), "diabetes", 1e-10),
    Case(tree.DecisionTreeClassifier(random_state=0), "cancer"),
    Case(tree.DecisionTreeRegressor(random_state=0), "diabetes"),
    Case(ensemble.RandomForestClassifier(30, random_state=0), "cancer"),
    Case(ensemble.RandomForestClassifier(20, random_state=0), "digits"),
    Case(ensemble.RandomForestRegressor(20, random_state=0), "diabetes"),
    Case(ensemble.ExtraTreesClassifier(20, random_state=0), "iris"),
    Case(make_pipeline(StandardScaler(), ensemble.RandomForestClassifier(20, random_state=0)), "cancer"),
    Case(GridSearchCV(ensemble.RandomForestClassifier(5, random_state=0), {"max_depth": [2, 4]}, cv=2), "cancer"),
    Case(ensemble.GradientBoostingClassifier(n_estimators=40, random_state=0), "cancer"),
    Case(ensemble.GradientBoostingClassifier(n_estimators=10, random_state=0), "digits"),
    Case(ensemble.GradientBoostingRegressor(n_estimators=40, random_state=0), "diabetes"),
    Case(ensemble.GradientBoostingRegressor(n_estimators=5, init="zero", random_state=0), "diabetes"),
    Case(ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0), "cancer"),
    Case(ensemble.HistGradientBoostingClassifier(max_iter=5, random_state=0), "iris"),
    Case(ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=0), "diabetes"),
    Case(ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=20, random_state=0), "diabetes"),
    Case(xgboost.XGBClassifier(n_estimators=30, n_jobs=1), "cancer", SINGLE),
    Case(xgboost.XGBClassifier(n_estimators=10, n_jobs=1), "iris", SINGLE),
    Case(xgboost.XGBRegressor(n_estimators=30, n_jobs=1), "diabetes"),
    Case(lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=1), "cancer"),
    Case(lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1), "iris"),
    Case(lightgbm.LGBMRegressor(n_estimators=30, verbose=-1, n_jobs=1), "diabetes"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_compiled_form_answers_as_its_model(case: Case, tmp_path: Path) -> None:
    rows, labels = data(case.data)
    model = case.model.fit(rows, labels)
    compiled, candidate = compile_through(model, tmp_path)
    tried = make_rows(model, [rows[:20]], candidate.thresholds, missing=candidate.takes_missing)
    assert len(tried) == 512
    for method in methods_of(model):
        expected = getattr(model, method)(tried)
        found = getattr(compiled, method)(tried)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        if found.dtype.kind != "f":
            assert (found == expected).all()
        elif case.difference == 0:
            assert (found == expected).all(), np.abs(found - expected).max()
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-4 if "log" in method else 1e-6, atol=case.difference)
        alone = [getattr(compiled, method)(tried[place : place + 1]).tobytes() for place in range(64)]
        among = [found[place : place + 1].tobytes() for place in range(64)]
        assert alone == among, "a row has the same bits alone and among others"


@pytest.mark.parametrize("forest", [ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier])
@pytest.mark.parametrize(("name", "classes"), [("cancer", 2), ("iris", 3), ("digits", 10)])
def test_trees_grown_to_the_end_are_counted(forest: Any, name: str, classes: int, tmp_path: Path) -> None:
    """Each leaf has one class, so the trees' votes are counted, also of more than two classes; far from the data, too."""
    rows, labels = data(name)
    model = forest(25, random_state=1).fit(rows, labels)
    compiled, candidate = compile_through(model, tmp_path)
    assert candidate.head.score["leaves"] is None
    far = np.random.default_rng(0).normal(size=(500, rows.shape[1])) * rows.std(axis=0) * 5 + rows.mean(axis=0)
    for tried in (rows, far, rows[:1]):
        found = compiled.predict_proba(tried)
        assert found.shape == (len(tried), classes)
        assert (found == model.predict_proba(tried)).all()
        assert (compiled.predict(tried) == model.predict(tried)).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_has_what_an_entry_may_ask_for(case: Case, tmp_path: Path) -> None:
    rows, labels = data(case.data)
    model = case.model.fit(pd.DataFrame(rows, columns=[f"f{place}" for place in range(rows.shape[1])]), labels)
    compiled, _ = compile_through(model, tmp_path)
    assert compiled.n_features_in_ == model.n_features_in_
    assert compiled.feature_names_in_.tolist() == list(model.feature_names_in_)
    if hasattr(model, "classes_"):
        assert compiled.classes_.tolist() == model.classes_.tolist()
    for method in ("predict_proba", "decision_function"):
        if not hasattr(model, method):
            with pytest.raises(AttributeError, match=method):
                getattr(compiled, method)(rows[:1])


@pytest.mark.parametrize("estimator", [
    LogisticRegression(), RandomForestClassifier(10, random_state=0),
    ensemble.HistGradientBoostingClassifier(max_iter=5, random_state=0)], ids=lambda one: type(one).__name__)
def test_a_table_goes_through_its_columns(estimator: Any, tmp_path: Path) -> None:
    model, table = fitted_table_model(estimator)
    compiled, _ = compile_through(model, tmp_path)
    unknown = table.head(40).assign(city="Paris", plan="extra", more=1)[["more", *reversed(table.columns)]]
    for rows in (table, unknown, table.head(1)):
        np.testing.assert_allclose(compiled.predict_proba(rows), model.predict_proba(rows), rtol=0, atol=1e-14)
        assert (compiled.predict(rows) == model.predict(rows)).all()


def test_labels_of_text_stay_text(tmp_path: Path) -> None:
    rows, labels = data("iris")
    for names in (np.array(["a", "bc", "def"]), np.array(["a", "bc", "def"], object)):
        model = RandomForestClassifier(5, random_state=0).fit(rows, names[labels])
        compiled, _ = compile_through(model, tmp_path)
        assert compiled.predict(rows).dtype == model.predict(rows).dtype
        assert (compiled.predict(rows) == model.predict(rows)).all()


WRONG: dict[str, Any] = {
    "too few features": lambda rows: rows[:2, :-1],
    "one dimension": lambda rows: rows[0],
    "NaN": lambda rows: np.where(np.arange(rows.shape[1]) == 1, np.nan, rows[:2]),
    "infinity": lambda rows: np.where(np.arange(rows.shape[1]) == 1, np.inf, rows[:2]),
    "text": lambda rows: np.full((2, rows.shape[1]), "many"),
    "no row": lambda rows: rows[:0],
    "other names": lambda rows: pd.DataFrame(rows[:2], columns=[f"g{place}" for place in range(rows.shape[1])]),
    "another order": lambda rows: pd.DataFrame(rows[:2], columns=[f"f{place}" for place in range(rows.shape[1])][::-1]),
}


def ask(model: Any, rows: Any) -> tuple[Any, str | None]:
    try:
        return model.predict(rows), None
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("model", [
    make_pipeline(StandardScaler(), LogisticRegression()), RandomForestClassifier(5, random_state=0),
    ensemble.GradientBoostingClassifier(n_estimators=5), ensemble.HistGradientBoostingClassifier(max_iter=5),
    tree.DecisionTreeClassifier(), make_pipeline(StandardScaler(), ensemble.HistGradientBoostingClassifier(max_iter=5)),
], ids=lambda one: type(one).__name__)
def test_what_the_original_refuses_is_refused_alike(model: Any, wrong: str, tmp_path: Path) -> None:
    rows, labels = data("cancer")
    model.fit(pd.DataFrame(rows, columns=[f"f{place}" for place in range(rows.shape[1])]), labels)
    compiled, _ = compile_through(model, tmp_path)
    given = WRONG[wrong](rows)
    expected, refusal = ask(model, given)
    found, other = ask(compiled, given)
    assert (refusal or "")[:20] == (other or "")[:20]
    assert refusal is not None or (found == expected).all()


def test_a_missing_column_and_an_unknown_label_are_errors(tmp_path: Path) -> None:
    model, table = fitted_table_model()
    compiled, _ = compile_through(model, tmp_path)
    with pytest.raises(ValueError, match="columns are missing"):
        compiled.predict(table.drop(columns="city"))
    with pytest.raises(ValueError, match="columns are missing"):
        model.predict(table.drop(columns="city"))


class Softer(LogisticRegression):
    """A subclass may do anything."""


REFUSED = [
    (Softer(), "no compiled form of Softer"),
    (VotingClassifier([("one", LogisticRegression())]), "no compiled form of VotingClassifier"),
    (CalibratedClassifierCV(LogisticRegression()), "no compiled form of CalibratedClassifierCV"),
    (ensemble.GradientBoostingClassifier(loss="exponential", n_estimators=2), "loss='exponential'"),
    (ensemble.GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2), "the answer of a LogisticRegr"),
    (ensemble.HistGradientBoostingClassifier(categorical_features=[0], max_iter=2), "categorical features"),
    (xgboost.XGBClassifier(booster="gblinear", n_estimators=2), "booster gblinear"),
    (lightgbm.LGBMClassifier(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, verbose=-1), "boosting type rf"),
]


@pytest.mark.parametrize(("model", "reason"), REFUSED, ids=lambda one: one if isinstance(one, str) else "")
def test_other_models_have_no_compiled_form(model: Any, reason: str) -> None:
    rows, labels = data("cancer")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit((rows % 50).round(), labels)
    with pytest.raises(NotCompiled, match=reason):
        find_candidate(model)
