"""Clients that exist, against an endpoint that `%deploy` made: Triton's, MLflow's and SageMaker's requests, a fuzzer."""

from __future__ import annotations

import gc
import warnings

import httpx
import numpy as np
import pytest
from live_notebook import LiveNotebook

CELLS = (
    "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression",
    "flats = pd.DataFrame({'area': [50.0, 60.0, 80.0, 100.0, 120.0, 130.0], 'rooms': [1, 2, 2, 3, 4, 5]})",
    "model = LogisticRegression().fit(flats, [0, 0, 0, 1, 1, 1])",
    "def is_large(flats: pd.DataFrame):\n    return model.predict(flats)",
    "is_large(flats)",
)
ROWS = [{"area": 55.0, "rooms": 2}, {"area": 125.0, "rooms": 4}]
SPLIT = {"columns": ["area", "rooms"], "data": [[55.0, 2], [125.0, 4]]}


@pytest.fixture
def url(notebook: LiveNotebook) -> str:
    notebook.run(*CELLS)
    return str(notebook.deploy("is_large --name flats")["url"])


def test_clients(url: str) -> None:
    triton = pytest.importorskip("tritonclient.http")
    client = triton.InferenceServerClient(url.removeprefix("http://"))
    try:
        assert client.is_model_ready("flats")
        columns = [("area", "FP64", [55.0, 125.0]), ("rooms", "INT64", [2, 4])]
        inputs = [triton.InferInput(name, [2], kind) for name, kind, _ in columns]
        for given, (_, kind, values) in zip(inputs, columns, strict=True):
            given.set_data_from_numpy(np.array(values, dtype="float64" if kind == "FP64" else "int64"))
        answer = client.infer("is_large", inputs).as_numpy("output")
        assert answer.tolist() == [0, 1]
    finally:
        client.close()
        with warnings.catch_warnings():
            # gevent leaves its hub's sockets to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    for path, body in (("/invocations", {"dataframe_split": SPLIT}), ("/invocations", {"dataframe_records": ROWS}),
                       ("/v1/models/flats:predict", {"instances": ROWS})):
        assert httpx.post(url + path, json=body).json() == {"predictions": [0, 1]}, body
    table = httpx.post(f"{url}/invocations", content="area,rooms\n55,2\n125,4\n", headers={"content-type": "text/csv"})
    assert table.json() == {"predictions": [0, 1]}
    assert httpx.get(f"{url}/ping").status_code == 200
    assert httpx.post(f"{url}/invocations", json={"flats": ROWS}).json() == [0, 1]


def test_a_table_without_rows_is_refused(url: str) -> None:
    """The model takes none, which was found out before the service was ready."""
    for body in ({"flats": []}, {"flats": {"area": [], "rooms": []}}, {"flats": {**SPLIT, "data": []}}):
        refused = httpx.post(f"{url}/is_large", json=body)
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "flats"), body
    assert httpx.post(f"{url}/v1/models/flats:predict", json={"instances": []}).status_code == 422
    assert httpx.post(f"{url}/invocations", content="area,rooms\n", headers={"content-type": "text/csv"}).status_code == 400
    schema = httpx.get(f"{url}/openapi.json").json()["paths"]["/is_large"]["post"]["requestBody"]["content"]
    forms = schema["application/json"]["schema"]["properties"]["flats"]["anyOf"]
    assert forms[0]["minItems"] == forms[1]["properties"]["data"]["minItems"] == 1


@pytest.mark.filterwarnings("ignore")
def test_no_request_is_the_services_fault(url: str) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    import hypothesis

    found: list[str] = []
    for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        operation = result.ok()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(max_examples=60, deadline=None, database=None, derandomize=True,
                             suppress_health_check=list(hypothesis.HealthCheck))
        def fuzz(case):
            response = case.call()
            if response.status_code >= 500:
                found.append(f"{case.body} {response.text}")

        fuzz()
    assert not found
