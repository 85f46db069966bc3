"""The models of the comparison with other servers, and the requests that all of them are asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRAIN = """\
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

table, labels = load_breast_cancer(return_X_y=True)
w1 = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, labels)
w2 = RandomForestClassifier(200, random_state=0).fit(table, labels)
w3 = GradientBoostingClassifier(n_estimators=200, random_state=0).fit(table, labels)
"""
ENTRY = """\
def {model}_risk(rows: np.ndarray) -> np.ndarray:
    return {model}.predict_proba(rows)[:, 1]
"""
CALL = "{model}_risk(table[:3])"
KEEP = """\
import json
import joblib
for name, model in {"w1": w1, "w2": w2, "w3": w3}.items():
    joblib.dump(model, f"{name}.joblib")
    with open(f"{name}.json", "w") as file:
        json.dump({"rows": table.tolist(), "answers": model.predict_proba(table)[:, 1].tolist()}, file)
"""
MODELS = ("w1", "w2", "w3")


@dataclass(frozen=True)
class Workload:
    """Requests of `rows` rows each to one of the models."""

    name: str
    model: str
    rows: int
    connections: tuple[int, ...]
    title: str


WORKLOADS = (
    Workload("W1", "w1", 1, (1, 16, 64), "StandardScaler, LogisticRegression; one row a request"),
    Workload("W2", "w2", 1, (1, 16, 64), "RandomForestClassifier(200); one row a request"),
    Workload("W3", "w3", 1, (1, 16, 64), "GradientBoostingClassifier(200); one row a request"),
    Workload("W4", "w2", 100, (1, 16), "the model of W2; 100 rows a request"),
)


@dataclass(frozen=True)
class Case:
    """The rows of a request, and the probabilities that the notebook's model gives them."""

    rows: list[list[float]]
    answers: list[float]


def list_cases(folder: Path, workload: Workload) -> list[Case]:
    """Give requests that together have every row of the data: one by one, or each hundred that begins at a tenth."""
    kept: dict[str, Any] = json.loads((folder / f"{workload.model}.json").read_bytes())
    rows, answers, count = kept["rows"], kept["answers"], workload.rows
    starts = range(len(rows)) if count == 1 else range(0, len(rows), 10)
    turned = rows + rows[:count], answers + answers[:count]
    return [Case(turned[0][start : start + count], turned[1][start : start + count]) for start in starts]
