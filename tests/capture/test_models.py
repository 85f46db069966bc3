"""Model objects served directly, each in a real kernel."""

from __future__ import annotations

import numpy as np
import pytest
from live_notebook import LiveNotebook

DATA = (
    "import numpy as np, pandas as pd\nrng = np.random.default_rng(0)\n"
    "X = pd.DataFrame({'a': rng.random(80), 'b': rng.integers(0, 9, 80)})\ny = (X['a'] > 0.5).astype(int)"
)


@pytest.mark.parametrize(
    ("module", "cells", "package"),
    [
        (
            "sklearn",
            (
                "from sklearn.ensemble import RandomForestClassifier",
                "model = RandomForestClassifier(5, random_state=0).fit(X, y)",
            ),
            "scikit-learn",
        ),
        (
            "xgboost",
            ("from xgboost import XGBClassifier", "model = XGBClassifier(n_estimators=3).fit(X, y)"),
            "xgboost-cpu",
        ),
        (
            "lightgbm",
            ("from lightgbm import LGBMClassifier", "model = LGBMClassifier(n_estimators=3, verbose=-1).fit(X, y)"),
            "lightgbm",
        ),
    ],
)
def test_an_estimator_gets_two_routes(
    module: str, cells: tuple[str, ...], package: str, notebook: LiveNotebook
) -> None:
    pytest.importorskip(module)
    notebook.run(DATA, *cells)
    done = notebook.deploy("model --exact")
    assert done["equal"] == done["calls"] >= 2
    assert package in done["packages"]
    assert "def predict(data):" in done["service"]
    assert "def predict_proba(data):" in done["service"]
    assert ".fit(X, y)" in done["sources"][0]
    probabilities = notebook.value("_endpoint.call(X.head(2), entry='predict_proba')")
    live = notebook.value("model.predict_proba(X.head(2)).tolist()")
    assert np.float32(probabilities).tolist() == np.float32(live).tolist()


@pytest.mark.parametrize(
    ("module", "cells", "format_"),
    [
        (
            "xgboost",
            (
                "import xgboost as xgb",
                "booster = xgb.train({}, xgb.DMatrix(X, y), 3)",
                "def predict(rows: pd.DataFrame):\n    return booster.predict(xgb.DMatrix(rows))",
            ),
            "xgboost",
        ),
        (
            "lightgbm",
            (
                "import lightgbm as lgb",
                "booster = lgb.train({'verbose': -1}, lgb.Dataset(X, y), 3)",
                "def predict(rows: pd.DataFrame):\n    return booster.predict(rows)",
            ),
            "lightgbm",
        ),
    ],
)
def test_a_booster_keeps_its_own_format(
    module: str, cells: tuple[str, ...], format_: str, notebook: LiveNotebook
) -> None:
    pytest.importorskip(module)
    notebook.run(DATA, *cells, "predict(X.head(3))")
    done = notebook.deploy("predict")
    assert (done["equal"], done["state"]) == (1, {"booster": format_})


def test_a_gap_in_what_a_model_was_fitted_on_may_be_asked(notebook: LiveNotebook) -> None:
    notebook.run(
        DATA + "\nX.loc[50, 'a'] = np.nan",
        "from sklearn.ensemble import HistGradientBoostingClassifier",
        "model = HistGradientBoostingClassifier(max_iter=3).fit(X, y)",
    )
    notebook.deploy("model --exact")
    assert notebook.value("_endpoint.call(X.loc[[50]])") == notebook.value("model.predict(X.loc[[50]]).tolist()")


def test_a_notebook_with_a_function_called_predict_of_its_own(notebook: LiveNotebook) -> None:
    notebook.run(
        DATA,
        "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit(X, y)",
        "def predict(x):\n    return 'mine'",
        "model.predict(X.iloc[:2])",
    )
    done = notebook.deploy("model")
    assert "def _predict_of_model(data):" in done["service"]
    assert "'mine'" not in done["service"]


def test_a_model_of_the_notebooks_own_class(notebook: LiveNotebook) -> None:
    notebook.run(
        "class Mean:\n    def fit(self, xs):\n        self.value = sum(xs) / len(xs)\n        return self\n"
        "    def predict(self, xs):\n        return [self.value for _ in xs]",
        "model = Mean().fit([1, 2, 6])",
        "model.predict([1, 2])",
    )
    done = notebook.deploy("model")
    assert done["equal"] == done["calls"] == 2


@pytest.mark.parametrize("line", ["net --example 'torch.ones(2, 4)'", "net"])
def test_a_torch_module(line: str, notebook: LiveNotebook) -> None:
    pytest.importorskip("torch")
    notebook.run(
        "import torch\nfrom torch import nn\ntorch.manual_seed(0)",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))\n"
        "        self.scale = nn.Parameter(torch.ones(2, dtype=torch.bfloat16))\n"
        "    def forward(self, x):\n        return self.layers(x) * self.scale.float()",
        "net = Net().eval()",
        "with torch.no_grad():\n    print(net(torch.zeros(1, 4)))",
    )
    done = notebook.deploy(line)
    assert done["equal"] == done["calls"] >= 1
    assert "class Net(nn.Module)" in done["service"]
    assert "torch" in done["packages"]
    answer = notebook.value("_endpoint.call(torch.ones(1, 4))")
    live = notebook.value("net(torch.ones(1, 4)).tolist()")
    assert np.float32(answer).tolist() == np.float32(live).tolist()
