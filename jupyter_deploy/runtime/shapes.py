"""How the type of an argument takes the rows of a table."""

from __future__ import annotations

from typing import Any

from .manifest import TypeSpec

RECORDS = ("dict", "object")


def take_rows(spec: TypeSpec) -> str | None:
    """Say how a type takes a table, if it does.

    `frame`: all of it; `records`: a list of objects; `rows`: a list of lists; `column`: its only column;
    `row`: one row a call; `record`: one row a call, as an object.
    """
    kind = spec["kind"]
    if kind == "optional":
        return take_rows(spec["of"])
    if kind == "any":
        return "records"
    if kind in ("array", "tensor"):
        return {0: None, 1: "column" if spec["shape"] == [-1] else "row"}.get(len(spec["shape"]), "rows")
    if kind == "series":
        return "record" if spec.get("labels") else "column"
    if kind in ("list", "set", "tuple"):
        return _take_elements(spec)
    return {"frame": "frame", "dict": "record", "object": "record"}.get(kind)


def _take_elements(spec: TypeSpec) -> str:
    if "of" not in spec:
        return "row"
    inner = spec["of"]["kind"]
    if inner in (*RECORDS, "any"):
        return "records"
    return "rows" if inner in ("list", "tuple", "set", "array", "tensor", "series") else "column"


def unwrap(spec: TypeSpec) -> TypeSpec:
    """Give what an optional type holds, and any other type itself."""
    inner: TypeSpec = spec["of"] if spec["kind"] == "optional" else spec
    return inner


def rank_of(spec: TypeSpec) -> int | None:
    """Count the nested lists in a type's JSON; None if that is open."""
    spec = unwrap(spec)
    kind = spec["kind"]
    if kind in ("array", "tensor"):
        return len(spec["shape"])
    if kind in ("any", "dict", "object", "union", "frame", "polars_frame"):
        return None
    if kind in ("list", "set", "tuple"):
        inner = rank_of(spec["of"]) if "of" in spec else 0
        return None if inner is None else inner + 1
    return 1 if kind in ("series", "polars_series") else 0


def depth_of(value: Any) -> int:
    """Count the nested lists of a JSON value, along its first elements."""
    depth = 0
    while type(value) is list:
        depth += 1
        value = value[0] if value else None
    return depth
