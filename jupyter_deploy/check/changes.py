"""What changed in the schema of a service for those who call it: compatible or breaking.

Compared are the JSON schemas that the service itself shows (`runtime/types.py` writes them). What a caller sends may
become wider, what it receives may become narrower; the reverse breaks callers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]
Side = Literal["request", "answer"]
_MOST_NAMED = 8


@dataclass(frozen=True)
class Change:
    """One difference between the contract and the service."""

    breaking: bool
    place: str
    """Where: `predict(customers[].plan)` in a request, `predict → [].risk` in an answer."""
    text: str
    """What became of what: `integer → text`."""

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(frozen=True)
class Interface:
    """What callers know of an entry: the JSON schema of its request and that of its answer."""

    request: Schema
    answer: Schema


def compare_entries(old: Mapping[str, Interface], new: Mapping[str, Interface]) -> tuple[Change, ...]:
    """Compare all entries, the breaking changes first."""
    changes = [Change(True, f"/{name}", "entry removed") for name in old if name not in new]
    changes += [Change(False, f"/{name}", "entry added") for name in new if name not in old]
    for name in [name for name in old if name in new]:
        changes += _Walk("request", name).compare(old[name].request, new[name].request, "")
        changes += _Walk("answer", name).compare(old[name].answer, new[name].answer, "")
    return tuple(sorted(dict.fromkeys(changes), key=lambda change: not change.breaking))


def compare_classes(old: Mapping[str, Sequence[Any]], new: Mapping[str, Sequence[Any]]) -> tuple[Change, ...]:
    """Compare the class sets of models; a model of another name with the same classes is the same model."""
    changes = []
    for model, classes in old.items():
        found = new.get(model)
        if found is None and any(list(classes) == list(other) for other in new.values()):
            continue
        if found is None:
            changes.append(Change(True, f"classes of {model}", f"{_name_all(classes)} → no such model"))
            continue
        gone = [one for one in classes if one not in found]
        added = [one for one in found if one not in classes]
        if gone:
            changes.append(Change(True, f"classes of {model}", f"{_name_all(gone)} removed"))
        if added:
            changes.append(Change(True, f"classes of {model}", f"{_name_all(added)} added"))
        if not gone and not added and list(found) != list(classes):
            changes.append(Change(True, f"classes of {model}", f"in another order: {_name_all(found)}"))
    return tuple(changes)


@dataclass(frozen=True)
class _Walk:
    """Walks two schemas of one side of an entry together."""

    side: Side
    entry: str

    def compare(self, old: Schema, new: Schema, path: str) -> list[Change]:
        """Give the differences at `path` and below."""
        if old == new:
            return []
        return list(self._compare(*_open(old, new), path))

    def _compare(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        if "anyOf" in old or "anyOf" in new:
            yield from self._compare_alternatives(_alternatives(old), _alternatives(new), path)
        elif "enum" in old or "enum" in new:
            yield from self._compare_values(old, new, path)
        else:
            yield from self._compare_kinds(old, new, path)

    def _compare_kinds(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        before, after = _kinds(old), _kinds(new)
        if before - after - {"null"} and after - before - {"null"} and not (before | after) <= {"integer", "number"}:
            yield self._change(path, "other", f"{_name(old)} → {_name(new)}")
            return
        if ("null" in before) != ("null" in after) and before and after:
            wider = "null" in after
            yield self._change(path, "wider" if wider else "narrower", "may be null" if wider else "never null now")
        before, after = before - {"null"}, after - {"null"}
        if before != after:
            yield self._change(path, _direction(before, after), f"{_name(old)} → {_name(new)}")
        elif old.get("format") != new.get("format"):
            yield self._change(path, "other", f"{_name(old)} → {_name(new)}")
        yield from self._compare_bounds(old, new, path)
        if "properties" in old and "properties" in new:
            yield from self._compare_fields(old, new, path)
        for key, step in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
                yield from self.compare(old[key], new[key], path + step)
        items = zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)
        for number, (one, other) in enumerate(items):
            yield from self.compare(one, other, f"{path}[{number}]")

    def _compare_bounds(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        for low, high, what in (("minItems", "maxItems", "items"), ("minimum", "maximum", "values")):
            before = (old.get(low, float("-inf")), old.get(high, float("inf")))
            after = (new.get(low, float("-inf")), new.get(high, float("inf")))
            if before == after:
                continue
            wider = after[0] <= before[0] and after[1] >= before[1]
            narrower = after[0] >= before[0] and after[1] <= before[1]
            if what == "values" and self.side == "answer":
                continue  # another width of integers is the same JSON to those who read it
            kind: Any = "wider" if wider else "narrower" if narrower else "other"
            yield self._change(path, kind, f"{_name_range(before)} → {_name_range(after)} {what}")

    def _compare_fields(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        before, after = old["properties"], new["properties"]
        needed_before, needed = set(old.get("required", ())), set(new.get("required", ()))
        gone = [name for name in before if name not in after]
        added = [name for name in after if name not in before]
        for name in gone:
            renamed = [other for other in added if after[other] == before[name]]
            hint = f"; is it {renamed[0]} now?" if len(renamed) == 1 else ""
            yield Change(True, self._place(_step(path, name)), f"field removed{hint}")
        for name in added:
            breaking = self.side == "request" and name in needed
            yield Change(breaking, self._place(_step(path, name)), "new required field" if breaking else "field added")
        for name in [name for name in before if name in after]:
            if name in needed and name not in needed_before:
                yield self._change(_step(path, name), "narrower", "is required now")
            if name in needed_before and name not in needed:
                yield self._change(_step(path, name), "wider", "may be left out now")
            yield from self.compare(before[name], after[name], _step(path, name))

    def _compare_values(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        if "enum" not in old or "enum" not in new:
            kind: Any = "wider" if "enum" in old else "narrower"
            yield self._change(path, kind, f"{_name(old)} → {_name(new)}")
            return
        gone = [one for one in old["enum"] if one not in new["enum"]]
        added = [one for one in new["enum"] if one not in old["enum"]]
        if gone:
            yield self._change(path, "narrower", f"values removed: {_name_all(gone)}")
        if added:
            yield self._change(path, "wider", f"values added: {_name_all(added)}")

    def _compare_alternatives(self, old: list[Schema], new: list[Schema], path: str) -> Iterator[Change]:
        left = list(new)
        for one in old:
            if one in left:
                left.remove(one)
                continue
            near = next((other for other in left if _alike(one, other)), None)
            if near is None:
                yield self._change(path, "narrower", f"no longer {_name(one)}")
            else:
                left.remove(near)
                yield from self.compare(one, near, path)
        for other in left:
            yield self._change(path, "wider", f"also {_name(other)}")

    def _change(self, path: str, kind: Literal["wider", "narrower", "other"], text: str) -> Change:
        harmless = "wider" if self.side == "request" else "narrower"
        return Change(kind != harmless, self._place(path), text)

    def _place(self, path: str) -> str:
        inner = path.removeprefix(".")
        return f"{self.entry}({inner})" if self.side == "request" else f"{self.entry} → {inner or 'the answer'}"


def _open(old: Schema, new: Schema) -> tuple[Schema, Schema]:
    """Take the records of tables: their other two forms say the same once more."""
    return _records(old) or old, _records(new) or new


def _records(schema: Schema) -> Schema | None:
    forms = schema.get("anyOf", ())
    is_table = len(forms) == 3 and set(forms[1].get("properties", ())) == {"columns", "data", "index"}
    return dict(forms[0]) if is_table else None


def _alternatives(schema: Schema) -> list[Schema]:
    return list(schema["anyOf"]) if "anyOf" in schema else [schema]


def _alike(one: Schema, other: Schema) -> bool:
    return bool(_kinds(one) & _kinds(other)) and ("enum" in one) == ("enum" in other)


def _kinds(schema: Schema) -> frozenset[str]:
    """Give the JSON types that a schema admits; empty: any."""
    kind = schema.get("type", ())
    return frozenset([kind] if isinstance(kind, str) else kind)


def _direction(before: frozenset[str], after: frozenset[str]) -> Literal["wider", "narrower", "other"]:
    if not before or not after:
        return "narrower" if after else "wider"
    if _holds(after, before):
        return "wider"
    return "narrower" if _holds(before, after) else "other"


def _holds(kinds: frozenset[str], others: frozenset[str]) -> bool:
    """Whether every value of the other kinds is one of these."""
    return others <= (kinds | {"integer"} if "number" in kinds else kinds)


def _step(path: str, name: str) -> str:
    return f"{path}.{name}"


def _name(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_name(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return f"one of {_name_all(schema['enum'])}"
    words = {"string": "text", "array": "list"}
    kinds = " or ".join(words.get(kind, kind) for kind in sorted(_kinds(schema))) or "anything"
    return f"{kinds} ({schema['format']})" if "format" in schema else kinds


def _name_all(values: Sequence[Any]) -> str:
    texts = [json.dumps(one, ensure_ascii=False) for one in values[:_MOST_NAMED]]
    return ", ".join(texts) + (f" and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else "")


def _name_range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    if low == float("-inf") and high == float("inf"):
        return "any"
    if low == float("-inf") or high == float("inf"):
        return f"at most {high}" if low == float("-inf") else f"at least {low}"
    return str(low) if low == high else f"{low} to {high}"
