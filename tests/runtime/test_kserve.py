"""KServe's version 1 protocol."""

from __future__ import annotations

import pytest


def test_models(client):
    assert "add" in client.get("/v1/models").json()["models"]
    assert client.get("/v1/models/add").json() == {"name": "add", "ready": True}


@pytest.mark.parametrize(
    ("model", "body", "predictions"),
    [
        ("scale", {"instances": [[1, 2], [3, 4]]}, [[2.0, 4.0], [6.0, 8.0]]),
        ("scale", {"inputs": [[1, 2]]}, [[2.0, 4.0]]),
        ("add", {"instances": [{"x": 1}, {"x": 2, "y": 3}]}, [2.0, 5.0]),
        ("infer", {"instances": [{"age": 30, "income": 1000}]}, [{"label": "young", "score": 1.0}]),
    ],
)
def test_predict(client, model, body, predictions):
    response = client.post(f"/v1/models/{model}:predict", json=body)
    assert (response.status_code, response.json()) == (200, {"predictions": predictions})


@pytest.mark.parametrize(
    ("model", "body", "status"),
    [
        ("scale", {}, 400),
        ("scale", [], 400),
        ("scale", {"instances": [], "inputs": []}, 400),
        ("scale", {"instances": [[1, "a"]]}, 422),
        ("scale", {"instances": 7}, 422),
        ("missing", {"instances": []}, 404),
        ("fail", {"instances": [{"text": "two"}]}, 500),
    ],
)
def test_refuse(client, model, body, status):
    response = client.post(f"/v1/models/{model}:predict", json=body)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
