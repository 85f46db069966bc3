"""MLflow's scoring protocol and SageMaker's container contract."""

from __future__ import annotations

import signal

import httpx
import pytest
from handmade import ENTRIES, write_bundle

INFER = [one for one in ENTRIES if one.name == "infer"]
SPLIT = {"columns": ["income", "age"], "data": [[1000.0, 30], [2000.0, 60]]}
RECORDS = [{"age": 30, "income": 1000.0}, {"age": 60, "income": 2000.0}]
ANSWER = [{"label": "young", "score": 1.0}, {"label": "old", "score": 2.0}]


@pytest.fixture(scope="module")
def worker(tmp_path_factory, start_alone):
    bundle = tmp_path_factory.mktemp("infer")
    write_bundle(bundle, entries=tuple(INFER))
    return start_alone(bundle)


@pytest.mark.parametrize(
    "body",
    [{"dataframe_split": SPLIT}, {"dataframe_split": {**SPLIT, "index": [0, 1]}}, {"dataframe_records": RECORDS},
     {"instances": RECORDS}, {"inputs": {"age": [30, 60], "income": [1000, 2000]}}, {"inputs": RECORDS}],
)
def test_forms(client, body):
    response = client.post("/invocations", json=body)
    assert (response.status_code, response.json()) == (200, {"predictions": ANSWER})


def test_native_form_is_answered_bare(client):
    assert client.post("/invocations", json={"rows": RECORDS}).json() == ANSWER


@pytest.mark.parametrize("kind", ["text/csv", "text/csv; charset=utf-8", 'text/csv; charset="UTF-8"'])
def test_csv(client, kind):
    response = client.post("/invocations", content="age,income\n30,1000\n60,2000\n", headers={"content-type": kind})
    assert response.json() == {"predictions": ANSWER}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[1]", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"instances": [], "inputs": []}', "application/json", 400),
        (b'{"dataframe_split": 7}', "application/json", 400),
        (b'{"dataframe_split": {"columns": 7, "data": []}}', "application/json", 400),
        (b'{"dataframe_split": {"columns": ["age"], "data": [7]}}', "application/json", 400),
        (b'{"dataframe_split": {"data": [[1, 2]]}}', "application/json", 400),
        (b'{"dataframe_records": [{"age": "x", "income": 1}]}', "application/json", 400),
        (b'{"instances": [], "params": 7}', "application/json", 400),
        (b'{"instances": []}', "application/json; format=split", 415),
        (b'{"instances": []}', "application/json; charset=latin-1", 415),
        (b"x", "application/x-npy", 415),
        (b"\xff", "text/csv", 400),
        (b"age,income\nx,1\n", "text/csv", 400),
    ],
)
def test_refuse(client, body, kind, status):
    response = client.post("/invocations", content=body, headers={"content-type": kind})
    assert response.status_code == status
    assert response.json()["error_code"] == "BAD_REQUEST"
    assert response.json()["message"]


def test_pages(client):
    assert client.get("/ping").status_code == 200
    assert client.get("/health").status_code == 200
    assert client.get("/version").text.startswith("2.")


def test_only_entry_is_also_the_service(client):
    inputs = [{"name": "age", "datatype": "INT64", "shape": [1], "data": [30]},
              {"name": "income", "datatype": "FP64", "shape": [1], "data": [1000]}]
    assert client.post("/v2/models/sums/infer", json={"inputs": inputs}).json()["model_name"] == "sums"
    assert client.post("/v1/models/sums:predict", json={"instances": RECORDS}).json() == {"predictions": ANSWER}


def test_sagemaker_container(tmp_path, start_alone):
    write_bundle(tmp_path, entries=tuple(INFER))
    worker = start_alone(tmp_path)
    assert "serve" in worker.process.args
    assert httpx.get(f"{worker.url}/ping").status_code == 200
    body = b'{"rows": [{"age": 30, "income": 1000}]}'
    assert httpx.post(f"{worker.url}/invocations", content=body).json() == ANSWER[:1]
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=30) == 0
