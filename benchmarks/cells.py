"""The notebooks that are measured, as the cells an author would write."""

from __future__ import annotations

CHURN_IMPORTS = """\
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
"""
"""All that the churn service itself imports: to import just this in a fresh process is the reference."""

CHURN_PREDICT = '''\
def predict(customers: pd.DataFrame) -> pd.DataFrame:
    """The risk that each customer leaves."""
    table = customers.assign(months=(TODAY - customers["since"]).dt.days / 30)
    risk = model.predict_proba(table)[:, 1]
    return pd.DataFrame({"customer": customers["customer"], "risk": risk.round(3)})
'''

CHURN = (
    CHURN_IMPORTS,
    "from sklearn.model_selection import train_test_split",
    """\
TODAY = pd.Timestamp("2026-01-01")
rng = np.random.default_rng(7)
size = 2_000
customers = pd.DataFrame({
    "customer": [f"C{number:05d}" for number in range(size)],
    "plan": pd.Categorical(rng.choice(["basic", "plus", "pro"], size, p=[0.5, 0.3, 0.2]),
                           categories=["basic", "plus", "pro"], ordered=True),
    "since": TODAY - pd.to_timedelta(rng.integers(30, 2_000, size), unit="D"),
    "complaints": pd.array(rng.poisson(1.2, size), dtype="Int64"),
    "bill": rng.gamma(6.0, 7.0, size).round(2),
    "city": rng.choice(["Leeds", "Lyon", "Lodz", "Lima"], size),
    "autopay": rng.random(size) < 0.6,
})
customers.loc[rng.random(size) < 0.08, "complaints"] = pd.NA
months = (TODAY - customers["since"]).dt.days / 30
pull = (0.7 * customers["complaints"].fillna(1).astype(float) + 0.03 * customers["bill"]
        - 0.05 * months - 1.0 * customers["autopay"] - 0.4 * customers["plan"].cat.codes)
left = rng.random(size) < 1 / (1 + np.exp(-pull))
""",
    """\
model = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["months", "complaints", "bill"]),
        (OneHotEncoder(handle_unknown="ignore"), ["plan", "city", "autopay"]),
    ),
    LogisticRegression(),
)
X_train, X_test, y_train, y_test = train_test_split(customers.assign(months=months), left, random_state=0)
model.fit(X_train, y_train)
""",
    CHURN_PREDICT,
    "predict(customers.head())",
)
"""A scikit-learn pipeline over a table with a category, a date, whole numbers with gaps, text and yes/no values."""

CANCER = (
    """\
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rows, labels = load_breast_cancer(return_X_y=True)
classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
""",
    """\
def diagnose(row: np.ndarray) -> dict[str, float]:
    benign = classifier.predict_proba(row.reshape(1, -1))[0, 1]
    return {"benign": benign}
""",
    "diagnose(rows[0])",
)
"""One row of 30 floats a request: scaler and logistic regression."""

ADD = ("def add(x: float, y: float = 1.0) -> float:\n    return x + y", "add(1.5, y=2.0)")
"""An entry that costs nothing: what is left is the way to it."""

FOREST = (
    """\
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

rows, labels = load_breast_cancer(return_X_y=True)
forest = RandomForestClassifier(200, random_state=0).fit(rows, labels)
""",
    "def classify(rows: np.ndarray) -> np.ndarray:\n    return forest.predict_proba(rows)",
    "classify(rows[:2])",
)

CASES = """\
import json
import joblib
joblib.dump(model, "churn.joblib")
joblib.dump(classifier, "cancer.joblib")
cases = {
    "predict": [('{"customers": %s}' % customers.iloc[[i]].to_json(orient="records", date_format="iso"),
                 json.loads(predict(customers.iloc[[i]]).to_json(orient="records"))) for i in range(200)],
    "diagnose": [(json.dumps({"row": row.tolist()}), diagnose(row)) for row in rows[:200]],
    "add": [(json.dumps({"x": i / 4, "y": 0.5}), add(i / 4, 0.5)) for i in range(200)],
}
for name, pairs in cases.items():
    with open(f"{name}.json", "w") as file:
        json.dump([{"body": body, "answer": answer} for body, answer in pairs], file)
"""
"""Writes the models and, for each entry, 200 requests with the notebook's own answers."""


def fill(cells: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Lengthen a notebook to `count` cells, before its last two, with what stands in notebooks: looking at things."""
    fillers = (
        "summary_{0} = customers.describe()\nsummary_{0}",
        "def look_{0}(table, column='bill'):\n    return table[column].mean() + {0}\n\nlook_{0}(customers)",
        "part_{0} = customers[customers['bill'] > {0}]\nlen(part_{0})",
        "total_{0} = sum(number * {0} for number in range(100))",
    )
    more = tuple(fillers[number % len(fillers)].format(number) for number in range(count - len(cells)))
    return (*cells[:-2], *more, *cells[-2:])
