"""Notebooks as beginners write them: scattered imports, shell lines, rebound names, global counters, plots."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from callers import post
from live_notebook import nbdeploy

pytestmark = pytest.mark.usefixtures("deletes_deployments")

NOTEBOOKS = Path(__file__).parent / "notebooks"


@dataclass(frozen=True)
class Case:
    """What deploying a notebook must give."""

    calls: int
    """Golden calls."""
    state: frozenset[str]
    absent: frozenset[str]
    """Packages that the notebook imports and the service does not need."""
    entry: str
    request: Mapping[str, Any]
    answer: Any
    warning: str | None = None
    needs: frozenset[str] = field(default_factory=frozenset)


CASES = {
    "titanic": Case(
        1, frozenset({"clf"}), frozenset({"matplotlib"}), "predict",
        {"passengers": [{"PassengerId": 7, "Pclass": 1, "Name": "Passenger, Mrs. No 7", "Sex": "female", "Age": None,
                         "SibSp": 0, "Parch": 0, "Fare": 80.5, "Cabin": None, "Embarked": "C"}]},
        [{"PassengerId": 7, "Survived": 1}]),
    "iris": Case(6, frozenset({"knn"}), frozenset({"matplotlib", "pandas"}), "predict",
                 {"data": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}, [0, 2]),
    "spam": Case(8, frozenset({"class_counts", "word_counts"}), frozenset({"scikit-learn", "pandas"}), "classify",
                 {"text": "free holiday"}, ["spam", {"spam": -7.742402021815782, "ham": -9.530828396153142}],
                 warning="classify changes total_tokens"),
    "bikes": Case(2, frozenset({"booster", "gbm"}), frozenset({"matplotlib"}), "forecast",
                  {"when": "2024-02-03T17:00:00", "temp": 12.5, "weather": "rain"}, None,
                  needs=frozenset({"onnxruntime", "pandas"})),
    "movies": Case(2, frozenset({"matrix", "movies", "nn", "table", "title_to_id"}), frozenset({"matplotlib"}), "recommend",
                   {"title": "Alien", "n": 1}, None, warning="unknown movie: Zorro"),
}


def test_every_notebook_is_tested() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_notebook_goes_live_proven(name: str) -> None:
    case = CASES[name]

    result = nbdeploy("up", str(NOTEBOOKS / f"{name}.ipynb"), "--json")

    assert result.returncode == 0, result.stderr
    outcome = json.loads(result.stdout)
    assert outcome["proof"] == {"calls": case.calls, "equal": case.calls}
    assert {value["name"] for value in outcome["state"]} == case.state
    packages = {package["name"] for package in outcome["packages"]}
    assert packages >= case.needs
    assert not packages & case.absent
    assert len(outcome["warnings"]) == (case.warning is not None), outcome["warnings"]
    assert case.warning is None or case.warning in outcome["warnings"][0]
    answer = post(f"{outcome['url']}/{case.entry}", case.request)
    assert case.answer is None or answer == case.answer
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{outcome['url']}/{case.entry}", {**case.request, "unheard_of": 1})
    with refused.value as response:
        assert response.code == 422
