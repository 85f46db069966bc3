"""MLflow's scoring protocol and SageMaker's container contract, which share `/invocations` and `/ping`.

https://mlflow.org/docs/latest/deployment/deploy-model-locally and
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html.
A JSON body with none of MLflow's keys is taken as the native object of arguments.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..decode import InvalidInput
from ..encode import encode
from ..entries import Arguments, ServedEntry, Service
from ..messages import TEXT, Answer, Page, Prediction, Request, Routes, json_answer
from ..refusals import Refusal
from .typed import parse_json

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CODES = {401: "UNAUTHENTICATED", 429: "REQUEST_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE",
         504: "DEADLINE_EXCEEDED"}
"""MLflow's error codes; everything else is a BAD_REQUEST."""
PROTOCOL_VERSION = b"2.0"


def add_routes(service: Service, routes: Routes) -> None:
    """Add the routes; they serve the first entry."""
    entry = next(iter(service.entries.values()))
    prediction = Prediction(entry, partial(decode_invocation, entry), encode_invocation, refuse)
    routes.predictions.setdefault("/invocations", prediction)
    routes.pages["/version"] = Page(lambda _: Answer(200, PROTOCOL_VERSION, (TEXT,)), refuse)


def refuse(refusal: Refusal) -> Answer:
    """Give MLflow's error shape; it knows 400 where the native protocol says 422."""
    status = 400 if refusal.status == 422 else refusal.status
    body = {"error_code": CODES.get(status, "BAD_REQUEST"), "message": refusal.message, **refusal.detail}
    return json_answer(body, status, refusal.headers)


def decode_invocation(entry: ServedEntry, request: Request) -> Arguments:
    """Read a body by its content type and, in JSON, by its keys."""
    kind = read_content_type(request.header(b"content-type"))
    request.memo = True
    if kind == "text/csv":
        return entry.forms.read_csv(_read_text(request.body))
    parsed = parse_json(request.body)
    forms = [name for name in FORMS if isinstance(parsed, dict) and name in parsed]
    if not forms:
        request.memo = False
        return entry.decode(parsed)
    if len(forms) > 1:
        found = f"the body should have exactly one of {', '.join(FORMS)}; it has {' and '.join(forms)}"
        raise Refusal(400, "invalid_request", found)
    return _read_form(entry, forms[0], parsed)


def read_content_type(header: str) -> str:
    """Give the media type (raises `Refusal` 415 for one, or for a parameter, that is not understood)."""
    kind, *parameters = (part.strip().lower() for part in header.split(";"))
    if kind not in ("", "application/json", "text/csv"):
        raise _refuse_type(f"the content type should be application/json or text/csv, not {kind}")
    for parameter in parameters:
        if parameter.replace('"', "").replace("utf8", "utf-8") != "charset=utf-8":
            raise _refuse_type(f"the content type's only parameter is charset=utf-8, not {parameter}")
    return kind


def _refuse_type(message: str) -> Refusal:
    return Refusal(415, "unsupported_media_type", message)


def _read_text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(400, "invalid_csv", f"the body is not UTF-8 text: {error}") from error


def _read_form(entry: ServedEntry, form: str, parsed: dict[str, Any]) -> Arguments:
    value, params = parsed[form], parsed.get("params")
    if params is not None and not isinstance(params, dict):
        raise InvalidInput("params", "an object", type(params).__name__)
    if form == "dataframe_split":
        return _read_split(entry, value, params)
    read = {"dataframe_records": entry.forms.read_records, "instances": entry.forms.read_instances,
            "inputs": entry.forms.read_inputs}[form]
    return read(value, params=params)


def _read_split(entry: ServedEntry, value: Any, params: dict[str, Any] | None) -> Arguments:
    if not isinstance(value, dict) or not {"data"} <= value.keys() <= {"columns", "index", "data"}:
        raise InvalidInput("dataframe_split", "an object with columns, data and perhaps index", "something else")
    columns: Any = value.get("columns")
    rows, index = value["data"], value.get("index")
    for name, part in (("columns", columns), ("data", rows), ("index", index)):
        if not isinstance(part, list) and not (name == "index" and part is None):
            raise InvalidInput(f"dataframe_split.{name}", "a list", "something else")
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise InvalidInput(f"dataframe_split.data[{number}]", "a list", "something else")
    return entry.forms.read_table(columns, rows, index=index, params=params)


def encode_invocation(request: Request, result: Any) -> Answer:
    """Write `{"predictions": ...}`, or the bare result to a caller who spoke the native form."""
    return Answer(200, b'{"predictions":' + encode(result) + b"}" if request.memo else encode(result))
