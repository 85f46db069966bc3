"""Other shapes of a request (tables, instances, named tensors) turned into calls of an entry.

An entry with exactly one argument that takes many rows (a frame, an array, a list, …) gets the table there. Otherwise
each row is a call of its own: of the one object that the entry takes, or of its arguments by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cells import convert_cells, read_cells
from .invalid import InvalidInput, name_found, name_some
from .manifest import Entry, TypeSpec
from .shapes import depth_of, rank_of, take_rows, unwrap
from .tensors import Tensor, parse_tensors
from .types import index_key

Params = Mapping[str, object] | None
"""Further arguments by name, the same for every call."""


@dataclass(frozen=True)
class Calls:
    """What a request asks of an entry."""

    arguments: tuple[dict[str, Any], ...]
    """The keyword arguments of each call."""
    many: bool
    """Each row or instance is a call of its own, so the answer is the list of their results."""


class FormDecoder:
    """Turns the request forms of other protocols into calls of one entry.

    `decode` is what `compile_decoder(entry)` gave. Every method raises `InvalidInput` and nothing else.
    """

    def __init__(self, entry: Entry, decode: Callable[[object], dict[str, Any]]) -> None:
        self.entry = entry
        self.decode = decode
        self.types = {parameter.name: parameter.type for parameter in entry.parameters}
        self.required = {parameter.name for parameter in entry.parameters if parameter.required}
        takes = {name: take for name, spec in self.types.items() if (take := take_rows(spec))}
        tables = [name for name, take in takes.items() if take != "record"]
        candidates = tables if tables or len(self.types) > 1 else list(takes)
        self.target = candidates[0] if len(candidates) == 1 else None
        self.take = takes[self.target] if self.target is not None else "arguments"

    def read_table(
        self,
        columns: Sequence[object],
        rows: Sequence[Any],
        *,
        index: Sequence[object] | None = None,
        params: Params = None,
    ) -> Calls:
        """Read a table: the names of its columns and its rows (MLflow's `dataframe_split`)."""
        names = [str(column) for column in columns]
        for number, row in enumerate(rows):
            if type(row) is not list or len(row) != len(names):
                raise InvalidInput(f"data[{number}]", f"a list of {len(names)}", name_found(row))
        if self.take == "frame":
            table = {"columns": names, "data": list(rows), **({} if index is None else {"index": list(index)})}
            return self._call_once(table, params)
        if self.take in ("arguments", "record", "records"):
            return self._read_objects([dict(zip(names, row, strict=True)) for row in rows], params)
        if self.take == "column" and len(names) == 1:
            return self._call_once([row[0] for row in rows], params)
        return self._read_lists(list(rows), params)

    def read_records(self, records: object, *, params: Params = None) -> Calls:
        """Read a list of records (MLflow's `dataframe_records`)."""
        if type(records) is not list or any(type(record) is not dict for record in records):
            raise InvalidInput("dataframe_records", "a list of objects", name_found(records))
        if self.take in ("frame", "arguments", "record", "records"):
            return self._read_objects(records, params)
        names = list(records[0]) if records else []
        for number, record in enumerate(records):
            if record.keys() != set(names):
                expected = f"an object with {name_some(names)}"
                raise InvalidInput(f"dataframe_records[{number}]", expected, name_found(record))
        return self.read_table(names, [[record[name] for name in names] for record in records], params=params)

    def read_csv(self, text: str, *, params: Params = None) -> Calls:
        """Read CSV; cells convert by the types of the notebook.

        The first line names the columns. It may be missing if all cells are numbers, which are then in the
        notebook's order. A first column without a name, which pandas writes for an index, is the index.
        """
        spec = unwrap(self.types[self.target]) if self.target is not None else None
        names, rows = read_cells(text, self._column_names())
        index = None
        key = index_key(spec) if spec is not None and self.take == "frame" else None
        for place, name in enumerate(names):
            if (place == 0 and not name) or name == key:
                index = convert_cells([row[place] for row in rows], spec["index"] if spec and key else {"kind": "any"})
                names = names[:place] + names[place + 1 :]
                rows = [row[:place] + row[place + 1 :] for row in rows]
                break
        columns = [convert_cells([row[n] for row in rows], self._column_type(name)) for n, name in enumerate(names)]
        return self.read_table(names, list(map(list, zip(*columns, strict=True))), index=index, params=params)

    def _column_names(self) -> list[str]:
        """Name the columns that a table has for this entry; empty if it may have any."""
        if self.target is None:
            return list(self.types)
        spec = unwrap(self.types[self.target])
        spec = spec["of"] if self.take == "records" and spec["kind"] != "any" else spec
        columns = spec.get("columns") or spec.get("fields") or ()
        return [str(label) for label in spec.get("labels") or ()] or [str(column["name"]) for column in columns]

    def _column_type(self, name: str) -> TypeSpec:
        """Give the type of a cell in a column; an unknown column's is `any`."""
        anything: TypeSpec = {"kind": "any"}
        if self.target is None:
            return self.types.get(name, anything)
        spec = unwrap(self.types[self.target])
        while spec["kind"] in ("list", "set", "tuple") and "of" in spec:
            spec = spec["of"]
        for column in spec.get("columns") or spec.get("fields") or ():
            if str(column["name"]) == name:
                return dict(column.get("type") or column)
        element = {"dict": spec.get("values"), "series": spec.get("column"), "object": None, "frame": None}
        found: TypeSpec | None = element.get(spec["kind"], spec)
        return found or anything

    def read_instances(self, instances: object, *, params: Params = None) -> Calls:
        """Read KServe's and MLflow's `instances`: a list with one element a row."""
        if type(instances) is not list:
            raise InvalidInput("instances", "a list with one element a row", name_found(instances))
        kinds = set(map(type, instances))
        if kinds == {dict}:
            return self._read_objects(instances, params)
        if kinds == {list}:
            return self._read_lists(instances, params)
        if self.take == "frame":
            return self._read_lists([[each] for each in instances], params)
        if self.target is not None and self.take != "record":
            return self._call_once(instances, params)
        return self._read_scalars(instances, params)

    def read_inputs(self, inputs: object, *, params: Params = None) -> Calls:
        """Read KServe's and MLflow's `inputs`: instances, or an object of columns or arguments."""
        if type(inputs) is list:
            return self.read_instances(inputs, params=params)
        if type(inputs) is not dict:
            return self._read_scalars([inputs], params)
        lists = bool(inputs) and all(type(each) is list for each in inputs.values())
        if self._names_arguments(inputs) and not (lists and self.target is None):
            return Calls((self.decode({**(params or {}), **inputs}),), many=False)
        if self.take == "frame" and lists:
            return self._call_once(inputs, params)
        if not lists:
            return self._read_objects([inputs], params)
        sizes = {len(each) for each in inputs.values()}
        if len(sizes) != 1:
            raise InvalidInput("inputs", "lists of one length", f"lists of {name_some(sorted(sizes))}")
        return self.read_table(list(inputs), list(map(list, zip(*inputs.values(), strict=True))), params=params)

    def read_tensors(self, tensors: object) -> Calls:
        """Read the `inputs` of an Open Inference Protocol v2 request: named tensors, flat or nested."""
        parsed = parse_tensors(tensors)
        if len(parsed) == 1 and self._takes_any_name(parsed[0]):
            parsed = [Tensor(self.target or next(iter(self.types)), parsed[0].shape, parsed[0].values)]
        if not self._names_arguments({tensor.name: tensor for tensor in parsed}):
            columns = [tensor.column() for tensor in parsed]
            sizes = {len(column) for column in columns}
            if len(sizes) != 1:
                raise InvalidInput("inputs", "tensors of one length", f"tensors of {name_some(sorted(sizes))} elements")
            rows = list(map(list, zip(*columns, strict=True)))
            return self.read_table([tensor.name for tensor in parsed], rows)
        return self._call_tensors(parsed)

    def _takes_any_name(self, tensor: Tensor) -> bool:
        """Clients name the only tensor as they like, unless it is the only column of a table."""
        if tensor.name in self.types or tensor.name in self._column_names():
            return False
        if self.target is None:
            return len(self.types) == 1
        return self.take not in ("record", "records") or rank_of(self.types[self.target]) is not None

    def _call_tensors(self, tensors: Sequence[Tensor]) -> Calls:
        """Call once, or once for each element of the first dimension where tensors have one more than arguments."""
        single: dict[str, Any] = {}
        batched: dict[str, list[Any]] = {}
        for tensor in tensors:
            spec = unwrap(self.types[tensor.name])
            if spec["kind"] == "frame":
                single[tensor.name] = self._frame_json(spec, tensor.rows())
                continue
            rank = rank_of(spec)
            nested = tensor.nested(rank)
            if rank is None or tensor.rank(rank) <= rank:
                single[tensor.name] = nested
            else:
                batched[tensor.name] = nested
        if not batched:
            return Calls((self.decode(single),), many=False)
        sizes = {len(each) for each in batched.values()}
        if len(sizes) != 1:
            raise InvalidInput("inputs", "tensors of one length", f"tensors of {name_some(sorted(sizes))} elements")
        rows = zip(*batched.values(), strict=True)
        return self._call_each([single | dict(zip(batched, row, strict=True)) for row in rows], None, "inputs")

    def _frame_json(self, spec: TypeSpec, rows: list[Any]) -> dict[str, Any]:
        return {"columns": [column["name"] for column in spec["columns"]], "data": rows}

    def _names_arguments(self, names: Mapping[str, object]) -> bool:
        """Tell whether an object's keys are the entry's arguments, and not the columns of the table it takes."""
        return names.keys() <= self.types.keys() and names.keys() >= self.required and bool(names)

    def _read_objects(self, objects: list[Any], params: Params) -> Calls:
        columns = self._column_names()
        if self.target is None or (
            objects and all(self._names_arguments(each) and not each.keys() <= set(columns) for each in objects)
        ):
            return self._call_each(objects, params, "instances")
        if self.take == "record":
            return self._call_each([{self.target: each} for each in objects], params, "instances")
        return self._call_once(objects, params)

    def _read_lists(self, rows: list[Any], params: Params) -> Calls:
        if self.target is None:
            names = list(self.types)
            for number, row in enumerate(rows):
                if len(row) != len(names):
                    raise InvalidInput(f"instances[{number}]", f"a list of {name_some(names, 12)}", name_found(row))
            return self._call_each([dict(zip(names, row, strict=True)) for row in rows], params, "instances")
        spec = unwrap(self.types[self.target])
        if self.take == "frame":
            return self._call_once(self._frame_json(spec, rows), params)
        rank = rank_of(spec)
        if self.take in ("row", "record", "column") or (rank is not None and depth_of(rows) > rank):
            return self._call_each([{self.target: row} for row in rows], params, "instances")
        return self._call_once(rows, params)

    def _read_scalars(self, values: list[Any], params: Params) -> Calls:
        free = [name for name in self.types if name not in (params or {})]
        names = [name for name in free if name in self.required] or free
        if len(names) != 1:
            expected = f"objects with the arguments {name_some(self.types, 12)}"
            raise InvalidInput("instances", expected, name_found(values))
        return self._call_each([{names[0]: each} for each in values], params, "instances")

    def _call_once(self, value: object, params: Params) -> Calls:
        return Calls((self.decode({**(params or {}), str(self.target): value}),), many=False)

    def _call_each(self, requests: list[dict[str, Any]], params: Params, field: str) -> Calls:
        arguments = []
        for number, request in enumerate(requests):
            try:
                arguments.append(self.decode({**(params or {}), **request}))
            except InvalidInput as error:
                raise InvalidInput(f"{field}[{number}].{error.field}", error.expected, error.found) from error
        return Calls(tuple(arguments), many=True)
