"""The typed routes, the limits and the error shapes, over HTTP."""

from __future__ import annotations

import pytest
from handmade import cell_of

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("entry", "request_", "answer"),
    [
        ("add", {"x": 1.5}, 2.5),
        ("add", {"x": 1, "y": -1}, 0.0),
        ("scale", {"rows": [[1, 2], [3, 4]]}, [[2.0, 4.0], [6.0, 8.0]]),
        ("numbers", {"n": 3}, [0, 1, 2]),
        ("wait_for", {"seconds": 0.01}, {"waited": 0.01}),
        ("sleep", {"seconds": 0.01}, 0.01),
        ("marks", {}, ["prepare", "prepare_async", ""]),
        ("infer", {"rows": [{"age": 61, "income": 2500}]}, [{"label": "old", "score": 2.5}]),
    ],
)
def test_predict(client, entry, request_, answer):
    response = client.post(f"/{entry}", json=request_)
    assert (response.status_code, response.json()) == (200, answer)
    assert response.headers["content-type"] == "application/json"
    assert "x-nbdeploy-kind" not in response.headers


def test_proof_names_kind(client):
    response = client.post("/scale", json={"rows": [[1, 2]]}, headers={"x-nbdeploy-proof": "1"})
    assert response.headers["x-nbdeploy-kind"] == "ndarray[float64](1, 2)"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "kind", "says"),
    [
        ("/add", b"{", JSON, 400, "invalid_json", "column"),
        ("/add", b"", JSON, 400, "invalid_json", "empty"),
        ("/add", b"\xff\xfe", JSON, 400, "invalid_json", ""),
        ("/add", b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type", "text/plain"),
        ("/add", b"{}", {"content-type": "application/json; charset=latin-1"}, 415, "unsupported_media_type", "latin"),
        ("/add", b"{}", {**JSON, "content-encoding": "gzip"}, 415, "unsupported_encoding", "gzip"),
        ("/add", b"{}", JSON, 422, "invalid_input", "x"),
        ("/add", b"[1]", JSON, 422, "invalid_input", "list"),
        ("/add", b'{"x": "one"}', JSON, 422, "invalid_input", "one"),
        ("/add", b'{"x": 1, "z": 2}', JSON, 422, "invalid_input", "z"),
        ("/scale", b'{"rows": [[1, 2, 3]]}', JSON, 422, "invalid_input", "rows"),
        ("/infer", b'{"rows": [{"age": 1.5, "income": 2}]}', JSON, 422, "invalid_input", "age"),
        ("/fail", b'{"text": "two"}', JSON, 500, "entry_failed", "fail"),
        ("/leave", b"{}", JSON, 500, "entry_failed", "leave"),
        *[("/stop", b'{"error": "%b"}' % error, JSON, 500, "entry_failed", "stop")
          for error in (b"exit", b"stop", b"value", b"memory")],
        ("/add", b"[" * 100_000, JSON, 400, "invalid_json", ""),
        ("/add", b'{"x": ' + b"[" * 900 + b"]" * 900 + b"}", JSON, 422, "invalid_input", "x"),
        ("/ad", b"{}", JSON, 404, "not_found", "did you mean /add?"),
        ("/livez", b"{}", JSON, 405, "method_not_allowed", "GET"),
    ],
)
def test_refuse(client, path, body, headers, status, kind, says):
    response = client.post(path, content=body, headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (status, kind)
    assert says in error["message"]
    assert response.headers["content-type"] == "application/json"


def test_invalid_input_names_field(client):
    error = client.post("/infer", json={"rows": [{"age": 1, "income": 2}, {"age": "x", "income": 2}]}).json()["error"]
    assert error["field"] == "rows[1].age"
    assert "integer" in error["expected"]
    assert "x" in error["found"]


def test_wrong_method_says_allowed(client):
    response = client.get("/add")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_failure_is_in_the_log_only(client, worker):
    response = client.post("/fail", json={"text": "two"})
    error = response.json()["error"]
    assert error.keys() == {"type", "message", "id"}
    assert "KeyError" not in response.text
    (line,) = [line for line in worker.logged() if line.get("error_id") == error["id"]]
    assert line["entry"] == "fail"
    assert line["cell"] == cell_of("    return numbers[text]")
    assert line["where"] == f"service.py:{line['cell'].split()[-1]}"
    assert "KeyError: 'two'" in line["traceback"]


def test_head(client):
    response = client.head("/readyz")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/health", "/ping", "/v2/health/live", "/v2/health/ready"])
def test_healthy(client, path):
    assert client.get(path).status_code == 200


def test_index_and_docs(client):
    index = client.get("/").json()
    assert index["name"] == "sums"
    assert "/add" in index["entries"]
    assert client.get("/", headers={"accept": "text/html"}).headers["location"] == "docs"
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text


