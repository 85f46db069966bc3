"""The service's description as OpenAPI 3.1, from what the notebook showed: types, docstrings, golden calls."""

from __future__ import annotations

import inspect
from typing import Any

import orjson

from .entries import ServedEntry, Service
from .manifest import Entry
from .types import json_schema, parameters_schema

ABOUT = """\
The functions of a notebook, proven to answer here what they answered there.

Besides the routes below this port speaks the Open Inference Protocol (`/v2`), KServe v1 (`/v1/models`),
and MLflow's and SageMaker's `/invocations`."""

REFUSALS = {
    400: "The body is not JSON.",
    413: "The body is larger than the limit.",
    415: "The body is not application/json.",
    422: "The arguments do not fit the types that the notebook showed.",
    429: "Too many requests are in progress; come again after Retry-After seconds.",
    500: "The function failed; the id leads to the log.",
    503: "The service is overloaded or not ready; come again after Retry-After seconds.",
    504: "The function did not return in time.",
}

ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "additionalProperties": False,
            "properties": {
                "type": {"type": "string", "description": "One word for programs."},
                "message": {"type": "string", "description": "A sentence for people."},
                "field": {"type": "string", "description": "The path of the argument that does not fit."},
                "expected": {"type": "string"},
                "found": {"type": "string"},
                "id": {"type": "string", "description": "Leads to the log."},
            },
        }
    },
}


def describe_service(service: Service, *, guarded: bool) -> dict[str, Any]:
    """Give the OpenAPI document.

    Parameters
    ----------
    guarded
        Callers need an API key.

    """
    entries = {f"/{name}": {"post": _describe_entry(service, one, guarded)} for name, one in service.entries.items()}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": service.name, "version": service.version, "description": ABOUT},
        "paths": {
            **entries,
            "/livez": {"get": _describe_probe("Whether the process lives.")},
            "/readyz": {"get": _describe_probe("Whether it is loaded, warm and not draining.")},
        },
        "components": {"schemas": {"Error": ERROR}},
    }
    if guarded:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
    return document


def _describe_entry(service: Service, entry: ServedEntry, guarded: bool) -> dict[str, Any]:
    doc = inspect.cleandoc(entry.described.doc)
    examples = _read_examples(service, entry)
    requests = {name: {"value": golden["request"]} for name, golden in examples.items()}
    answers = {name: {"value": golden["answer"]} for name, golden in examples.items()}
    operation: dict[str, Any] = {
        "operationId": entry.name,
        "summary": doc.partition("\n")[0] or entry.name,
        "description": doc,
        "requestBody": {"required": True, "content": _content(_describe_arguments(entry), requests)},
        "responses": {
            "200": {"description": "What the function returned.",
                    "content": _content(answer_schema(entry.described), answers)},
            **{str(status): _describe_refusal(text) for status, text in REFUSALS.items()},
        },
    }
    if guarded:
        operation["security"] = [{"bearer": []}, {"key": []}]
        operation["responses"]["401"] = _describe_refusal("The API key is missing or wrong.")
    return operation


def _describe_arguments(entry: ServedEntry) -> dict[str, Any]:
    schema = parameters_schema(entry.described)
    if entry.needs_rows:
        table = str(entry.forms.target)
        schema["properties"][table] = _require_rows(schema["properties"][table])
    return schema


def _require_rows(schema: dict[str, Any]) -> dict[str, Any]:
    """Ask for at least one row in every form of a table."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_require_rows(one) for one in schema["anyOf"]]}
    if schema.get("type") == "array":
        return {**schema, "minItems": 1}
    properties = schema.get("properties", {})
    lists = {"data"} if {"columns", "data"} <= properties.keys() else properties.keys()
    return {**schema, "properties": {name: {**each, "minItems": 1} if name in lists else each
                                     for name, each in properties.items()}}


def answer_schema(entry: Entry) -> dict[str, Any]:
    """Give the JSON schema of an entry's answer."""
    return json_schema(_admit_nan(entry.returns))


def _admit_nan(spec: Any) -> Any:
    """Let every float of an answer be NaN, which is `null`: the golden calls need not have shown one."""
    if isinstance(spec, list):
        return [_admit_nan(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    admitted = {name: _admit_nan(value) for name, value in spec.items()}
    is_float = spec.get("kind") == "float" or str(spec.get("dtype", "")).lower().startswith("float")
    return {**admitted, "nullable": True} if is_float else admitted


def _content(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema, **({"examples": examples} if examples else {})}}


def _describe_refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _describe_probe(text: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    responses = {"200": "Yes.", "503": "No."}
    return {
        "summary": text,
        "responses": {status: {"description": word, "content": content} for status, word in responses.items()},
    }


def _read_examples(service: Service, entry: ServedEntry) -> dict[str, dict[str, Any]]:
    calls = [call for call in service.manifest.golden if call.entry == entry.name]
    return {
        f"golden call {number} ({call.source})": orjson.loads((service.bundle / call.file).read_bytes())
        for number, call in enumerate(calls[:3], 1)
    }
