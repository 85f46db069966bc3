"""The Open Inference Protocol, spoken by hand and by Triton's own client."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tritonclient = pytest.importorskip("tritonclient.http")


def tensor(name, datatype, shape, data, **more):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


def test_server_metadata(client):
    for path in ("/v2", "/v2/"):
        metadata = client.get(path).json()
        assert metadata["name"] == "sums"
        assert metadata["version"]
        assert "binary_tensor_data" in metadata["extensions"]


def test_model_metadata(client):
    metadata = client.get("/v2/models/scale").json()
    assert metadata["inputs"] == [{"name": "rows", "datatype": "FP64", "shape": [-1, 2]}]
    assert metadata["outputs"] == [{"name": "output", "datatype": "FP64", "shape": [-1, 2]}]
    version = metadata["versions"][0]
    assert client.get(f"/v2/models/scale/versions/{version}").json() == metadata
    assert client.get(f"/v2/models/scale/versions/{version}/ready").json() == {"name": "scale", "ready": True}
    scalars = client.get("/v2/models/add").json()
    assert scalars["inputs"] == [
        {"name": "x", "datatype": "FP64", "shape": [-1]}, {"name": "y", "datatype": "FP64", "shape": [-1]},
    ]
    assert scalars["outputs"] == [{"name": "output", "datatype": "FP64", "shape": [-1]}]
    assert client.get("/v2/models/infer").json()["inputs"] == [
        {"name": "age", "datatype": "INT64", "shape": [-1]}, {"name": "income", "datatype": "FP64", "shape": [-1]},
    ]


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        ("scale", [tensor("rows", "FP64", [2, 2], [1, 2, 3, 4])],
         [("output", "FP64", [2, 2], [2.0, 4.0, 6.0, 8.0])]),
        ("scale", [tensor("rows", "FP64", [2, 2], [[1, 2], [3, 4]])],
         [("output", "FP64", [2, 2], [2.0, 4.0, 6.0, 8.0])]),
        ("add", [tensor("x", "FP64", [1], [1.5]), tensor("y", "FP64", [1], [2.0])], [("output", "FP64", [1], [3.5])]),
        ("infer", [tensor("age", "INT64", [2], [30, 60]), tensor("income", "FP64", [2], [1000, 2000])],
         [("output", "BYTES", [2], ['{"label":"young","score":1.0}', '{"label":"old","score":2.0}'])]),
        ("numbers", [tensor("n", "INT64", [1], [3])], [("output", "INT64", [1, 3], [0, 1, 2])]),
    ],
)
def test_infer(client, model, inputs, outputs):
    response = client.post(f"/v2/models/{model}/infer", json={"id": "seven", "inputs": inputs})
    answer = response.json()
    assert response.status_code == 200, answer
    assert (answer["model_name"], answer["id"]) == (model, "seven")
    found = [(one["name"], one["datatype"], one["shape"], one["data"]) for one in answer["outputs"]]
    assert found == outputs


@pytest.mark.parametrize(
    ("model", "body", "status", "says"),
    [
        ("scale", {}, 400, "inputs"),
        ("scale", {"inputs": [tensor("rows", "FP64", [2, 2], [1, 2, 3])]}, 422, "4 values"),
        ("scale", {"inputs": [tensor("rows", "FP64", [1, 2], ["a", 2])]}, 422, "rows"),
        ("scale", {"inputs": [tensor("rows", "FP64", [1, 2], [1, 2])], "outputs": [{"name": "none"}]}, 400, "none"),
        ("scale", {"inputs": [7]}, 422, ""),
        ("missing", {"inputs": []}, 404, "/v2/models/"),
        ("fail", {"inputs": [tensor("text", "BYTES", [1], ["two"])]}, 500, "fail"),
    ],
)
def test_refuse(client, model, body, status, says):
    response = client.post(f"/v2/models/{model}/infer", json=body)
    assert response.status_code == status
    assert response.json().keys() == {"error"}
    assert says in response.json()["error"]


@pytest.mark.parametrize(
    ("header", "length", "rest"),
    [
        (b'{"inputs":[{"name":"rows","datatype":"FP64","shape":[1,2],"parameters":{"binary_data_size":99}}]}', None, b""),
        (b'{"inputs":[{"name":"rows","datatype":"FP64","shape":[1,2],"parameters":{"binary_data_size":9}}]}', None, bytes(9)),
        (b'{"inputs":[{"name":"rows","datatype":"XP64","shape":[1,2],"parameters":{"binary_data_size":8}}]}', None, bytes(8)),
        (b'{"inputs":[]}', None, b"left over"),
        (b'{"inputs":[]}', "1000", b""),
        (b'{"inputs":[]}', "-1", b""),
        (b'{"inputs":[{"name":"rows","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}]}', None, b"\xff\0\0\0a"),
    ],
)
def test_refuse_binary(client, header, length, rest):
    headers = {"inference-header-content-length": length or str(len(header))}
    response = client.post("/v2/models/scale/infer", content=header + rest, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]


@pytest.fixture
def triton(worker):
    client = tritonclient.InferenceServerClient(worker.url.removeprefix("http://"))
    yield client
    client.close()
    with warnings.catch_warnings():
        # gevent leaves its hub's sockets to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_triton_health(triton):
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("scale")
    assert triton.get_server_metadata()["name"] == "sums"
    assert triton.get_model_metadata("scale")["name"] == "scale"
    assert {"name": "add", "state": "READY"}.items() <= triton.get_model_repository_index()[0].items()


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("outputs", [None, True, False])
def test_triton_arrays(triton, binary_in, outputs):
    rows = np.array([[1.0, 2.0], [3.0, -4.0]])
    given = tritonclient.InferInput("rows", [2, 2], "FP64")
    given.set_data_from_numpy(rows, binary_data=binary_in)
    wanted = None if outputs is None else [tritonclient.InferRequestedOutput("output", binary_data=outputs)]
    result = triton.infer("scale", [given], outputs=wanted, request_id="7")
    assert result.get_response()["id"] == "7"
    np.testing.assert_array_equal(result.as_numpy("output"), rows * 2)


@pytest.mark.parametrize("binary", [True, False])
def test_triton_table_and_text(triton, binary):
    age = tritonclient.InferInput("age", [2], "INT64")
    age.set_data_from_numpy(np.array([30, 60]), binary_data=binary)
    income = tritonclient.InferInput("income", [2], "FP64")
    income.set_data_from_numpy(np.array([1000.0, 2000.0]), binary_data=binary)
    answer = triton.infer("infer", [age, income]).as_numpy("output")
    assert answer.tolist() == [b'{"label":"young","score":1.0}', b'{"label":"old","score":2.0}']


def test_triton_error(triton):
    given = tritonclient.InferInput("rows", [1, 3], "FP64")
    given.set_data_from_numpy(np.zeros((1, 3)))
    with pytest.raises(Exception, match="rows"):
        triton.infer("scale", [given])
