"""A model of each kind that is compiled, trained on data with fixed seeds, and what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Kind:
    """A trained model, the method that is compared, and rows as a caller would ask about."""

    name: str
    model: Any
    method: str
    asked: Any


def list_kinds() -> Iterator[Kind]:
    """Give the models of the workloads, and one of each other kind."""
    yield from _list_classifiers()
    yield from _list_regressors()
    yield _make_table_pipeline()
    yield from _list_modules()


def _list_classifiers() -> Iterator[Kind]:
    import lightgbm
    import xgboost
    from sklearn import ensemble
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels = load_breast_cancer(return_X_y=True)
    for name, model in {
        "W1: StandardScaler, LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression()),
        "W2: RandomForestClassifier(200)": ensemble.RandomForestClassifier(200, random_state=0),
        "W3: GradientBoostingClassifier(200)": ensemble.GradientBoostingClassifier(n_estimators=200, random_state=0),
        "HistGradientBoostingClassifier": ensemble.HistGradientBoostingClassifier(random_state=0),
        "XGBClassifier": xgboost.XGBClassifier(n_jobs=1),
        "LGBMClassifier": lightgbm.LGBMClassifier(verbose=-1, n_jobs=1),
    }.items():
        yield Kind(name, model.fit(rows, labels), "predict_proba", rows[:20])


def _list_regressors() -> Iterator[Kind]:
    import lightgbm
    import xgboost
    from sklearn import ensemble
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    rows, numbers = load_diabetes(return_X_y=True)
    for model in (
        Ridge(), ensemble.RandomForestRegressor(100, random_state=0),
        ensemble.GradientBoostingRegressor(random_state=0), ensemble.HistGradientBoostingRegressor(random_state=0),
        xgboost.XGBRegressor(n_jobs=1), lightgbm.LGBMRegressor(verbose=-1, n_jobs=1),
    ):
        yield Kind(type(model).__name__, model.fit(rows, numbers), "predict", rows[:20])


def _make_table_pipeline() -> Kind:
    """Give a pipeline over a table of numbers with gaps and text: imputer, scaler and encoder in front of a forest."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    chance, count = np.random.default_rng(0), 500
    table = pd.DataFrame({
        "bill": chance.gamma(6, 7, count), "score": chance.normal(size=count), "visits": chance.integers(0, 9, count),
        "city": chance.choice(["Leeds", "Lyon", "Lodz"], count), "plan": chance.choice(["basic", "plus"], count),
    })
    table.loc[chance.random(count) < 0.1, "bill"] = np.nan
    steps = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["bill", "score", "visits"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]))
    model = make_pipeline(steps, RandomForestClassifier(100, random_state=0))
    model.fit(table, table["score"] + (table["city"] == "Lyon") > 0.5)
    return Kind("ColumnTransformer(imputer, scaler, encoder), RandomForestClassifier(100), of a DataFrame", model,
                "predict_proba", table[:20])


def _list_modules() -> Iterator[Kind]:
    import torch
    from torch import nn

    torch.manual_seed(0)
    # As many threads as ONNX Runtime has in a worker.
    torch.set_num_threads(1)
    dense = nn.Sequential(nn.Linear(30, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(),
                          nn.Linear(32, 2), nn.Softmax(dim=1))
    images = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
                           nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10), nn.LogSoftmax(dim=1))
    yield Kind("PyTorch: three linear layers", dense.eval(), "__call__", torch.randn(20, 30))
    yield Kind("PyTorch: two convolutions, images of 28 by 28", images.eval(), "__call__", torch.randn(20, 1, 28, 28))


def compile_kind(kind: Kind, count: int) -> tuple[str, Any, Any]:
    """Compile a model; gives the form, the compiled model as a worker reads it, and `count` rows to compare it on."""
    from jupyter_deploy.compile import candidate, modules
    from jupyter_deploy.compile.rows import make_rows
    from jupyter_deploy.runtime.compiled import build_model
    from jupyter_deploy.runtime.compiled.description import parse_description, write_description

    if kind.method == "__call__":
        found = modules.find_candidate(kind.model, [kind.asked])
        rows = modules.vary(kind.asked, count)
    else:
        found = candidate.find_candidate(kind.model)
        rows = make_rows(kind.model, [kind.asked], found.thresholds, missing=found.takes_missing, count=count)
    return found.form, build_model(parse_description(write_description(found.description))), rows


def ask(model: Any, method: str) -> Callable[[Any], Any]:
    """Give the method of a model, or of a module without what only training needs."""
    if method != "__call__":
        bound: Callable[[Any], Any] = getattr(model, method)
        return bound
    import torch

    return torch.inference_mode()(model)
