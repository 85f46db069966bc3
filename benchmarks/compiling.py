"""Compiled models: microseconds a row beside the original's, and how far the answers are apart."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.machine import Quiet
from benchmarks.tables import table

COUNTS = (1, 64, 1000)
PATIENCE = {"quick": 0.1, "full": 1.0}
"""Seconds for which each is asked; the shortest call counts, which is what the machine can do undisturbed."""


def _models() -> dict[str, Any]:
    """Give the models of the workloads, not yet trained, and one of each other kind."""
    import lightgbm
    import xgboost
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "W1: StandardScaler, LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression()),
        "W2: RandomForestClassifier(200)": RandomForestClassifier(200, random_state=0),
        "W3: GradientBoostingClassifier(200)": GradientBoostingClassifier(n_estimators=200, random_state=0),
        "HistGradientBoostingClassifier": HistGradientBoostingClassifier(random_state=0),
        "XGBClassifier": xgboost.XGBClassifier(n_jobs=1),
        "LGBMClassifier": lightgbm.LGBMClassifier(verbose=-1, n_jobs=1),
    }


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Train, compile, compare on rows made up for the trial, and time `predict_proba` of both in turn."""
    from sklearn.datasets import load_breast_cancer

    from jupyter_deploy.compile.candidate import find_candidate
    from jupyter_deploy.compile.rows import make_rows
    from jupyter_deploy.runtime.compiled import build_model
    from jupyter_deploy.runtime.compiled.description import parse_description, write_description

    rows, labels = load_breast_cancer(return_X_y=True)
    figures: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, model in _models().items():
            model.fit(rows, labels)
            begun = time.perf_counter()
            candidate = find_candidate(model)
            compiled = build_model(parse_description(write_description(candidate.description)))
            seconds = time.perf_counter() - begun
            tried = make_rows(model, [rows[:20]], candidate.thresholds, missing=candidate.takes_missing, count=1000)
            difference = float(np.abs(model.predict_proba(tried) - compiled.predict_proba(tried)).max())
            times = {}
            for count in COUNTS:
                quiet.probe()
                times[str(count)] = _time(model.predict_proba, compiled.predict_proba, tried[1 : 1 + count],
                                          PATIENCE["quick" if quick else "full"])
            figures[name] = {"form": candidate.form, "seconds": seconds, "difference": difference, "micros": times}
    return figures


def _time(
    original: Callable[[Any], Any], compiled: Callable[[Any], Any], rows: Any, patience: float
) -> dict[str, float]:
    best = {"original": float("inf"), "compiled": float("inf")}
    until = time.perf_counter() + patience
    while time.perf_counter() < until:
        for name, method in (("original", original), ("compiled", compiled)):
            begun = time.perf_counter()
            method(rows)
            best[name] = min(best[name], time.perf_counter() - begun)
    return {name: seconds * 1e6 / len(rows) for name, seconds in best.items()}


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = []
    for name, one in figures.items():
        times = []
        for count in COUNTS:
            pair = one["micros"][str(count)]
            ratio = pair["original"] / pair["compiled"]
            times += [f"{pair['original']:.3g} / {pair['compiled']:.3g}", f"**{ratio:.3g}**"]
        rows.append([name, one["form"], *times, f"{one['difference']:.1g}", f"{one['seconds']:.2f}"])
    head = ["model", "compiled form", *(text for count in COUNTS for text in (f"µs a row, {count} at once", "ratio")),
            "largest difference", "compiled in s"]
    return table(head, rows)
