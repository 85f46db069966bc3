"""The OpenAPI document, and requests made at random from it."""

from __future__ import annotations

import warnings

import httpx
import pytest
from handmade import ENTRIES, GOLDEN, write_bundle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.specs.openapi.checks import positive_data_acceptance

FUZZED = ("add", "scale", "marks", "infer")


@pytest.fixture(scope="module")
def worker(tmp_path_factory, start_supervised):
    bundle = tmp_path_factory.mktemp("fuzzed")
    write_bundle(bundle, entries=tuple(one for one in ENTRIES if one.name in FUZZED))
    return start_supervised(bundle)


def test_document(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    operation = document["paths"]["/add"]["post"]
    assert operation["summary"] == "Add two numbers."
    content = operation["requestBody"]["content"]["application/json"]
    assert content["schema"]["required"] == ["x"]
    assert [example["value"] for example in content["examples"].values()] == [GOLDEN["add"]["request"]]
    assert set(operation["responses"]) == {"200", "400", "413", "415", "422", "429", "500", "503", "504"}
    assert "securitySchemes" not in document["components"]


def test_key_is_documented(bundle, start_supervised):
    worker = start_supervised(bundle, "--api-key-digest", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b")
    document = httpx.get(f"{worker.url}/openapi.json", headers={"x-api-key": "secret"}).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    assert "401" in document["paths"]["/add"]["post"]["responses"]


@pytest.mark.filterwarnings("ignore")
def test_random_requests(worker):
    """What fits the schema is answered, what does not is refused, and nothing is the service's fault."""
    import hypothesis

    schema = schemathesis.openapi.from_url(f"{worker.url}/openapi.json")
    failures = []
    for result in schema.get_all_operations():
        case_strategy = result.ok().as_strategy()

        @hypothesis.settings(max_examples=100, deadline=None, derandomize=True, database=None,
                             suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(case=case_strategy)
        def check(case):
            # JSON schema cannot say that the lists of a table's columns have one length.
            excluded = [positive_data_acceptance] if case.path == "/infer" else []
            case.call_and_validate(excluded_checks=excluded)

        try:
            check()
        except Exception as error:
            failures.append(str(error))
    assert failures == []
