"""Decoders of types that hold other types: lists, dictionaries, alternatives, objects, enumerations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .arrays import Compile
from .invalid import InvalidInput, name_found, name_some, name_unknown
from .manifest import TypeSpec
from .scalars import Decoder
from .types import spec_name

FindClass = Callable[[str], Any]
"""Gives the class that `module:qualname` names."""


def compile_optional(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take `null` or the inner type."""
    decode_some = compile_(spec["of"])
    return lambda value, field: None if value is None else decode_some(value, field)


def compile_union(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take the first type that fits."""
    decoders = [compile_(each) for each in spec["of"]]
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        deepest = InvalidInput(field, expected, name_found(value))
        for decode_one in decoders:
            try:
                return decode_one(value, field)
            except InvalidInput as error:
                # an error inside a value tells more than one about the whole
                deepest = max(deepest, error, key=lambda each: len(each.field))
        raise deepest

    return decode


def compile_literal(spec: TypeSpec, _compile: Compile) -> Decoder:
    """Take one of some values; `true` is not `1`."""
    values = spec["values"]
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        for each in values:
            if type(each) is type(value) and each == value:
                return each
        raise InvalidInput(field, expected, name_found(value))

    return decode


_UNCHANGED: dict[str, set[type]] = {"str": {str}, "int": {int}, "bool": {bool}, "float": {float}}
"""Kinds whose JSON values are the Python values."""


def compile_list(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take an array whose elements are alike."""
    decode_one = compile_(spec["of"])
    unchanged = _UNCHANGED.get(spec["of"]["kind"])
    expected = spec_name(spec)

    def decode(value: object, field: str) -> list[Any]:
        if type(value) is not list:
            raise InvalidInput(field, expected, name_found(value))
        if unchanged is not None and set(map(type, value)) <= unchanged:
            return value
        try:
            return [decode_one(each, field) for each in value]
        except InvalidInput:
            # the path costs time, so it is built only once something is wrong
            return [decode_one(each, f"{field}[{position}]") for position, each in enumerate(value)]

    return decode


def compile_set(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take an array; a value given twice is there once."""
    decode_list = compile_list(spec, compile_)
    kind = frozenset if spec.get("frozen") else set

    def decode(value: object, field: str) -> Any:
        try:
            return kind(decode_list(value, field))
        except TypeError:
            raise InvalidInput(field, "a list of values that a set can hold", name_found(value)) from None

    return decode


def compile_tuple(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take an array: of fixed length with a type for each place, or of any length with one type."""
    if "items" not in spec:
        decode_list = compile_list(spec, compile_)
        return lambda value, field: tuple(decode_list(value, field))
    decoders = [compile_(item) for item in spec["items"]]
    expected = spec_name(spec)

    def decode(value: object, field: str) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(decoders):
            raise InvalidInput(field, expected, name_found(value))
        return tuple(
            decode_one(each, f"{field}[{position}]")
            for position, (decode_one, each) in enumerate(zip(decoders, value, strict=True))
        )

    return decode


def compile_dict(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take an object whose values are alike; its keys may stand for numbers or dates."""
    decode_one = compile_(spec["values"])
    decode_key = _compile_key(spec["keys"], compile_) if "keys" in spec else None
    expected = spec_name(spec)

    def decode(value: object, field: str) -> dict[Any, Any]:
        if type(value) is not dict:
            raise InvalidInput(field, expected, name_found(value))
        if decode_key is None:
            return {key: decode_one(each, f"{field}.{key}") for key, each in value.items()}
        try:
            return {
                decode_key(key, f"{field}.{key}"): decode_one(each, f"{field}.{key}") for key, each in value.items()
            }
        except TypeError:
            raise InvalidInput(field, "an object whose keys a dictionary can hold", name_found(value)) from None

    return decode


def _compile_key(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Decode a key, which JSON always writes as text."""
    decode = compile_(spec)
    if spec["kind"] in ("str", "any"):
        return decode
    number = re.compile(r"-?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,4})?", re.ASCII)
    words = {"true": True, "false": False, "null": None}

    def decode_text(value: object, field: str) -> Any:
        text = str(value)
        try:
            return decode(text, field)
        except InvalidInput:
            if text in words:
                return decode(words[text], field)
            if number.fullmatch(text) is None:
                raise
            return decode(int(text) if text.lstrip("-").isdigit() else float(text), field)

    return decode_text


def compile_enum(spec: TypeSpec, _compile: Compile, find_class: FindClass) -> Decoder:
    """Take a member's value, or its name."""
    members = find_class(spec["class"]).__members__
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        for name, each in spec["values"].items():
            if type(each) is type(value) and each == value:
                return members[name]
        if type(value) is str and value in members:
            return members[value]
        raise InvalidInput(field, expected, name_found(value))

    return decode


def compile_object(spec: TypeSpec, compile_: Compile, find_class: FindClass) -> Decoder:
    """Take an object for a data class, a class of attrs, a named tuple, a typed dictionary or a pydantic model."""
    if spec["of"] == "pydantic":
        return _compile_pydantic(spec, find_class)
    decode_fields = _compile_fields(spec, compile_)
    if spec["of"] == "typeddict":
        return decode_fields
    build = find_class(spec["class"])
    computed = {field["name"] for field in spec["fields"] if field.get("init") is False}
    expected = spec_name(spec)

    def decode(value: object, field: str) -> Any:
        fields = decode_fields(value, field)
        try:
            return build(**{name: each for name, each in fields.items() if name not in computed})
        except Exception as error:
            # whatever the notebook's own checks raise
            raise InvalidInput(field, expected, f"{name_found(value)}: {error}") from error

    return decode


def _compile_fields(spec: TypeSpec, compile_: Compile) -> Decoder:
    fields = {field["name"]: (compile_(field["type"]), bool(field["required"])) for field in spec["fields"]}
    needed = [name for name, (_, required) in fields.items() if required]
    expected = spec_name(spec)

    def decode(value: object, field: str) -> dict[str, Any]:
        if type(value) is not dict:
            raise InvalidInput(field, expected, name_found(value))
        for name in value:
            if name not in fields:
                raise InvalidInput(f"{field}.{name}", f"the fields {name_some(fields, 12)}", name_unknown(name, fields))
        for name in needed:
            if name not in value:
                raise InvalidInput(f"{field}.{name}", "a value: the field is required", "nothing")
        return {name: fields[name][0](each, f"{field}.{name}") for name, each in value.items()}

    return decode


def _compile_pydantic(spec: TypeSpec, find_class: FindClass) -> Decoder:
    import pydantic

    model = find_class(spec["class"])

    def decode(value: object, field: str) -> Any:
        try:
            return model.model_validate(value)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
            missing = first["type"] == "missing"
            found = "nothing" if missing else name_found(first.get("input"))
            raise InvalidInput(field + path, _name_wanted(first), found) from error
        except Exception as error:
            # whatever the model's own validators raise
            raise InvalidInput(field, spec_name(spec), f"{name_found(value)}: {error}") from error

    return decode


def _name_wanted(error: Mapping[str, Any]) -> str:
    """Say what a model of pydantic wanted, so that it can follow the word "expected"."""
    if error["type"] == "missing":
        return "a value: the field is required"
    text = str(error.get("ctx", {}).get("error", error["msg"]))
    start = "Input should be "
    return text.removeprefix(start) if text.startswith(start) else f"what passes its checks ({text})"
