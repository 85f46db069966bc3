"""Models, and their compiled forms as a worker reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from jupyter_deploy.compile.candidate import Candidate, find_candidate
from jupyter_deploy.runtime.compiled import read_compiled
from jupyter_deploy.runtime.compiled.description import write_description

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
LOADERS: dict[str, Callable[..., Any]] = {
    "cancer": load_breast_cancer, "iris": load_iris, "digits": load_digits, "diabetes": load_diabetes}


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    rows, labels = LOADERS[name](return_X_y=True)
    return rows, labels


def compile_through(model: Any, folder: Path) -> tuple[Any, Candidate]:
    """Compile a model, write the files and read them back as a worker does."""
    candidate = find_candidate(model)
    for suffix, content in write_description(candidate.description).items():
        (folder / f"model{suffix}").write_bytes(content)
    return read_compiled(folder / "model.json"), candidate


def methods_of(model: Any) -> list[str]:
    return [method for method in METHODS if hasattr(model, method)]


def customers(count: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """A table with numbers that have gaps, text with gaps, yes and no, and whole numbers."""
    chance = np.random.default_rng(0)
    table = pd.DataFrame({
        "bill": chance.gamma(6, 7, count), "city": chance.choice(["Leeds", "Lyon", "Lodz"], count),
        "plan": pd.Categorical(chance.choice(["basic", "plus"], count)), "visits": chance.integers(0, 9, count),
        "autopay": chance.random(count) < 0.5, "score": chance.normal(size=count),
    })
    table.loc[chance.random(count) < 0.1, "bill"] = np.nan
    table.loc[chance.random(count) < 0.1, "city"] = np.nan
    return table, (table["score"] + table["autopay"] + (table["city"] == "Lyon") > 0.8).to_numpy()


def table_steps() -> Any:
    """Give a choice of columns with every kind of step."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["bill", "score"]),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", drop="first")),
         ["city"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["plan", "autopay"]),
        (MinMaxScaler(), ["visits"]))


def fitted_table_model(estimator: Any = None) -> tuple[Any, pd.DataFrame]:
    table, left = customers()
    model = make_pipeline(table_steps(), LogisticRegression() if estimator is None else estimator).fit(table, left)
    return model, table
