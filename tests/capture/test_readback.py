"""Values that need names of the notebook to be loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from live_notebook import LiveNotebook

from jupyter_deploy.capture.state import serialise
from jupyter_deploy.errors import CaptureError


def shift(values: Any) -> Any:
    return values + 1


def fit_formula(formula: str) -> Any:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 5.0], "y": [1.0, 3.0, 4.0, 9.0]})
    return smf.ols(formula, table).fit()


def test_names_of_a_formula_are_found() -> None:
    names = {"np": np, "shift": shift, "other": 1}
    value = serialise(fit_formula("np.log(y) ~ shift(x)"), lambda _: None, names.__getitem__)
    assert (value.format, value.names) == ("pickle", {"np", "shift"})


def test_a_name_that_the_notebook_does_not_know_is_told() -> None:
    with pytest.raises(CaptureError, match=r"can be written but not read back.*name 'shift' is not defined"):
        serialise(fit_formula("y ~ shift(x)"), lambda _: None)


def test_a_model_with_a_formula_is_served(notebook: LiveNotebook) -> None:
    notebook.run("import numpy as np\nimport pandas as pd\nimport statsmodels.formula.api as smf\n"
                 "table = pd.DataFrame({'x': [1.0, 2, 3, 5], 'y': [1.0, 3, 4, 9], 'kind': list('abab')})",
                 "def half(values):\n    return values / 2",
                 "fit = smf.ols('np.log(y) ~ half(x) + C(kind)', table).fit()",
                 "def guess(rows: pd.DataFrame) -> list[float]:\n    return fit.predict(rows).round(6).tolist()",
                 "guess(table)")
    done = notebook.deploy("guess")
    assert done["equal"] == done["calls"] == 1
    assert {"statsmodels", "numpy"} <= set(done["packages"])
    assert notebook.value("_endpoint.call(table.tail(1))") == notebook.value("guess(table.tail(1))")
