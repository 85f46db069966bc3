"""Open Inference Protocol, version 2, over REST; with Triton's binary tensors.

An entry is a model. https://github.com/kserve/open-inference-protocol,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from ..entries import Arguments, ServedEntry, Service
from ..messages import Answer, Page, Prediction, Request, Routes, json_answer
from ..refusals import Refusal
from .tensors import Tensor, TensorError, describe_tensors, name_tensors, pack_tensor, unpack_tensor
from .typed import parse_json

HEADER_LENGTH = b"inference-header-content-length"
PLATFORM = "nbdeploy"


@dataclass(frozen=True)
class Asked:
    """What a request wants to see of the result."""

    id: str | None
    binary: bool
    """All outputs in binary form, unless an output says otherwise."""
    outputs: tuple[tuple[str, bool], ...] | None
    """The names of the wanted outputs, and whether each in binary form; None: all."""


def add_routes(service: Service, routes: Routes, *, ready: Callable[[], bool]) -> None:
    """Add the server's and each model's routes; a service of one entry answers under its own name too."""
    extensions = ["binary_tensor_data", "model_repository"]
    server = {"name": service.name, "version": service.version, "extensions": extensions}
    routes.pages["/v2"] = routes.pages["/v2/"] = Page(lambda _: json_answer(server), refuse)
    index = [{"name": name, "version": service.version, "state": "READY"} for name in service.entries]
    routes.pages["/v2/repository/index"] = Page(lambda _: json_answer(index), refuse, methods=("POST",))
    routes.refusers["/v2/"] = refuse
    for model, entry in service.models().items():
        metadata = describe_model(model, service.version, entry)
        encode = partial(encode_infer, model, service.version)
        prediction = Prediction(entry, partial(decode_infer, entry), encode, refuse)
        for base in (f"/v2/models/{model}", f"/v2/models/{model}/versions/{service.version}"):
            routes.pages[base] = Page(partial(_answer_metadata, metadata), refuse)
            routes.pages[f"{base}/ready"] = Page(partial(_answer_ready, model, ready), refuse, guarded=False)
            routes.predictions[f"{base}/infer"] = prediction


def refuse(refusal: Refusal) -> Answer:
    """Give the protocol's error shape."""
    error = refusal.message if "id" not in refusal.detail else f"{refusal.message}: {refusal.detail['id']}"
    return json_answer({"error": error}, refusal.status, refusal.headers)


def describe_model(model: str, version: str, entry: ServedEntry) -> dict[str, Any]:
    """Give a model's metadata."""
    parameters = entry.described.parameters
    # An entry that takes no table is called once for each element of the first dimension.
    each = [-1] if entry.forms.target is None else []
    return {
        "name": model,
        "versions": [version],
        "platform": PLATFORM,
        "inputs": [one for given in parameters for one in describe_tensors(given.name, given.type, each)],
        "outputs": describe_tensors("output", entry.described.returns, each),
    }


def _answer_metadata(metadata: dict[str, Any], _: Request) -> Answer:
    return json_answer(metadata)


def _answer_ready(model: str, ready: Callable[[], bool], _: Request) -> Answer:
    return json_answer({"name": model, "ready": ready()}, 200 if ready() else 503)


def decode_infer(entry: ServedEntry, request: Request) -> Arguments:
    """Read an inference request: named tensors, in JSON or behind it in binary form."""
    length = request.headers.get(HEADER_LENGTH)
    header, binary = (request.body, b"") if length is None else _split(request.body, length)
    parsed = parse_json(header)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("inputs"), list):
        raise _bad("the body should be an object with `inputs`, a list of tensors")
    request.memo = _read_asked(parsed)
    if length is not None:
        _attach_binary(parsed["inputs"], binary)
    return entry.forms.read_tensors(parsed["inputs"])


def _split(body: bytes, length: bytes) -> tuple[bytes, bytes]:
    if not length.isdigit() or int(length) > len(body):
        raise _bad(f"Inference-Header-Content-Length should be at most the body's {len(body)} bytes")
    return body[: int(length)], body[int(length) :]


def _bad(message: str) -> Refusal:
    return Refusal(400, "invalid_request", message)


def _attach_binary(inputs: list[Any], binary: bytes) -> None:
    """Give each input that stands behind the JSON its data."""
    position = 0
    for tensor in inputs:
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        if size is None:
            continue
        if type(size) is not int or not 0 <= size <= len(binary) - position:
            left = len(binary) - position
            raise _bad(f"binary_data_size of {tensor.get('name')!r} should be at most the {left} bytes left")
        try:
            tensor["data"] = unpack_tensor(str(tensor.get("datatype")), binary[position : position + size])
        except TensorError as error:
            raise _bad(f"{tensor.get('name')}: {error}") from error
        position += size
    if position != len(binary):
        raise _bad(f"{len(binary) - position} bytes are left over behind the last binary tensor")


def _read_asked(parsed: dict[str, Any]) -> Asked:
    identity, outputs = parsed.get("id"), parsed.get("outputs")
    if identity is not None and not isinstance(identity, str):
        raise _bad("`id` should be text")
    binary = _flag(parsed, "binary_data_output")
    if not outputs:
        return Asked(identity, binary, None)
    if not isinstance(outputs, list) or not all(_is_named(one) for one in outputs):
        raise _bad("`outputs` should be a list of objects with a `name`")
    wanted = ((one["name"], _flag(one, "binary_data", default=binary)) for one in outputs)
    return Asked(identity, binary, tuple(wanted))


def _is_named(output: object) -> bool:
    return isinstance(output, dict) and isinstance(output.get("name"), str)


def _flag(holder: dict[str, Any], name: str, *, default: bool = False) -> bool:
    parameters = holder.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise _bad("`parameters` should be an object")
    return bool((parameters or {}).get(name, default))


def encode_infer(model: str, version: str, request: Request, result: Any) -> Answer:
    """Write the result as the tensors that were asked for."""
    asked: Asked = request.memo
    tensors = {tensor.name: tensor for tensor in name_tensors(result)}
    wanted = asked.outputs or tuple((name, asked.binary) for name in tensors)
    outputs, binary = [], []
    for name, in_binary in wanted:
        if name not in tensors:
            raise _bad(f"there is no output {name!r}; there is {', '.join(tensors)}")
        described = _describe_output(tensors[name])
        if in_binary:
            binary.append(pack_tensor(tensors[name]))
            described["parameters"]["binary_data_size"] = len(binary[-1])
        else:
            described["data"] = tensors[name].data
        outputs.append(described)
    answer = {"model_name": model, "model_version": version, "outputs": outputs}
    header = orjson.dumps(answer if asked.id is None else {**answer, "id": asked.id})
    if not binary:
        return Answer(200, header)
    kinds = ((b"content-type", b"application/octet-stream"), (HEADER_LENGTH, b"%d" % len(header)))
    return Answer(200, header + b"".join(binary), kinds)


def _describe_output(tensor: Tensor) -> dict[str, Any]:
    hint = {"content_type": "str" if tensor.datatype == "BYTES" else "np"}
    return {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype, "parameters": hint}
