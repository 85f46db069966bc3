"""Decoders of pandas series and frames, with the dtypes, the column order and the index of the notebook."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain
from typing import Any

from .arrays import FAILURES, Compile, refuse_element
from .columns import column_name, compile_column, make_index
from .invalid import InvalidInput, name_found, name_some, name_unknown
from .manifest import TypeSpec
from .scalars import Decoder
from .types import index_key, is_split, spec_name

Columns = list[list[Any]]
"""The JSON values of a frame, column by column in the notebook's order."""


def compile_frame(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take a list of records, `{"columns": […], "data": [[…]], "index": […]?}` or `{name: […]}`."""
    reader = FrameReader(spec)
    build = _compile_build(spec, compile_)
    build_index = _compile_index(spec, compile_)

    def decode(value: object, field: str) -> Any:
        columns, index, size = reader.read(value, field)
        return build(columns, build_index(index, size, field), field)

    return decode


class FrameReader:
    """Reads the JSON forms of a frame as columns in the notebook's order; converts nothing yet."""

    def __init__(self, spec: TypeSpec) -> None:
        self.spec = spec
        self.names = [str(column["name"]) for column in spec["columns"]]
        self.index = index_key(spec)
        self.index_required = self.index is not None and bool(spec["index"].get("required"))

    def read(self, value: object, field: str) -> tuple[Columns, list[Any] | None, int]:
        """Give the columns, the index (None for one that counts the rows) and the number of rows."""
        if type(value) is list:
            columns, index, size = self._read_records(value, field)
        elif type(value) is dict and is_split(self.spec, value):
            columns, index, size = self._read_split(value, field)
        elif type(value) is dict:
            columns, index, size = self._read_columns(value, field)
        else:
            raise InvalidInput(field, spec_name(self.spec), name_found(value))
        if index is None and self.index_required:
            raise InvalidInput(f"{field}[0].{self.index}", "the index of the frame", "nothing")
        return columns, index, size

    def _read_records(self, rows: list[Any], field: str) -> tuple[Columns, list[Any] | None, int]:
        names = self.names
        key = self.index if rows and type(rows[0]) is dict and self.index in rows[0] else None
        width = len(names) + (key is not None)
        known = names if key is None else [*names, key]
        if any(type(row) is not dict or len(row) != width for row in rows):
            raise self._refuse_records(rows, field, known)
        try:
            columns = [[row[name] for row in rows] for name in known]
        except KeyError:
            raise self._refuse_records(rows, field, known) from None
        return columns[: len(names)], None if key is None else columns[-1], len(rows)

    def _refuse_records(self, rows: list[Any], field: str, known: list[str]) -> InvalidInput:
        for number, row in enumerate(rows):
            if type(row) is not dict:
                expected = f"a record with the columns {name_some(known)}"
                return InvalidInput(f"{field}[{number}]", expected, name_found(row))
            error = self._refuse_names(row, known, f"{field}[{number}]")
            if error is not None:
                return error
        return InvalidInput(field, spec_name(self.spec), "records of another shape")

    def _refuse_names(self, names: Collection[str], known: Collection[str], field: str) -> InvalidInput | None:
        for name in names:
            if name not in known:
                return InvalidInput(f"{field}.{name}", f"the columns {name_some(known, 12)}", name_unknown(name, known))
        for name in known:
            if name not in names:
                return InvalidInput(f"{field}.{name}", "a value: the column is required", "nothing")
        return None

    def _read_split(self, value: dict[str, Any], field: str) -> tuple[Columns, list[Any] | None, int]:
        given, data, index = value["columns"], value["data"], value.get("index")
        if type(given) is not list or type(data) is not list or type(index) not in (list, type(None)):
            raise InvalidInput(field, "lists as columns, data and index", name_found(value))
        names = [str(name) for name in given]
        error = self._refuse_names(names, self.names, f"{field}.columns")
        if error is not None or len(names) != len(self.names):
            raise error or InvalidInput(f"{field}.columns", "each column once", name_found(given))
        for number, row in enumerate(data):
            if type(row) is not list or len(row) != len(names):
                raise InvalidInput(f"{field}.data[{number}]", f"a list of {len(names)}", name_found(row))
        self._check_index(index, len(data), field)
        places = [names.index(name) for name in self.names]
        return [[row[place] for row in data] for place in places], index if self.index_named else None, len(data)

    @property
    def index_named(self) -> bool:
        """The notebook's frames had an index of their own; otherwise one that is sent is left out."""
        return self.spec.get("index") is not None

    def _check_index(self, index: list[Any] | None, size: int, field: str) -> None:
        if index is not None and len(index) != size:
            raise InvalidInput(f"{field}.index", f"a list of {size}", name_found(index))

    def _read_columns(self, value: dict[str, Any], field: str) -> tuple[Columns, list[Any] | None, int]:
        key = self.index if self.index in value else None
        known = self.names if key is None else [*self.names, key]
        error = self._refuse_names(value, known, field)
        if error is not None:
            raise error
        size = len(value[known[0]]) if known and type(value[known[0]]) is list else 0
        for name in known:
            if type(value[name]) is not list or len(value[name]) != size:
                raise InvalidInput(f"{field}.{name}", f"a list of {size}", name_found(value[name]))
        return [value[name] for name in self.names], None if key is None else value[key], size


Build = Callable[[Columns, Any, str], Any]


def _compile_build(spec: TypeSpec, compile_: Compile) -> Build:
    columns = spec["columns"]
    alike = {(column["dtype"], bool(column.get("nullable"))) for column in columns}
    if len(alike) == 1 and next(iter(alike))[0] in ("float64", "float32", "int64", "int32"):
        return _compile_uniform(spec, compile_)
    return _compile_mixed(spec, compile_)


def _compile_uniform(spec: TypeSpec, compile_: Compile) -> Build:
    """Build a frame whose columns are all alike from one array, in a tenth of the time."""
    import pandas as pd

    labels = make_labels(spec)
    width = len(labels)
    convert = compile_column(spec["columns"][0], compile_)
    refuse = _compile_refuse(spec, compile_)
    by_rows = spec.get("order") == "C"

    def build(columns: Columns, index: Any, field: str) -> Any:
        try:
            block = convert(list(chain.from_iterable(columns))).reshape(width, -1).T
        except FAILURES as error:
            raise refuse(columns, field) from error
        # What adds up in the order in which numbers lie in memory gives other last digits in another one
        return pd.DataFrame(block.copy() if by_rows else block, index=index, columns=labels, copy=False)

    return build


def _compile_mixed(spec: TypeSpec, compile_: Compile) -> Build:
    converts = [compile_column(column, compile_) for column in spec["columns"]]
    labels = make_labels(spec)
    refuse = _compile_refuse(spec, compile_)

    def build(columns: Columns, index: Any, field: str) -> Any:
        try:
            arrays = [convert(column) for convert, column in zip(converts, columns, strict=True)]
        except FAILURES as error:
            raise refuse(columns, field) from error
        return make_frame(arrays, labels, index)

    return build


def _compile_refuse(spec: TypeSpec, compile_: Compile) -> Callable[[Columns, str], InvalidInput]:
    converts = [compile_column(column, compile_) for column in spec["columns"]]

    def refuse(columns: Columns, field: str) -> InvalidInput:
        for column, convert, values in zip(spec["columns"], converts, columns, strict=True):
            try:
                convert(values)
            except FAILURES:
                name = column["name"]
                return refuse_element(convert, values, lambda row: f"{field}[{row}].{name}", column_name(column))  # noqa: B023 - called at once
        return InvalidInput(field, spec_name(spec), "values that do not fit together")

    return refuse


def make_labels(spec: TypeSpec) -> Any:
    """Give the column index of a frame."""
    import pandas as pd

    names = [column["name"] for column in spec["columns"]]
    if names == list(range(len(names))) and all(type(name) is int for name in names):
        return pd.RangeIndex(len(names))
    return pd.Index(names)


def make_frame(arrays: list[Any], labels: Any, index: Any) -> Any:
    """Give a frame of finished columns."""
    import pandas as pd

    # The public constructor inspects each array anew and takes five times as long for one row; it also guesses
    # at objects, which is why they are wrapped where it has to be used
    assemble = getattr(pd.DataFrame, "_from_arrays", None)
    if assemble is not None:
        return assemble(arrays, labels, index, verify_integrity=False)
    columns = {number: pd.Series(array, index=index, dtype=array.dtype) for number, array in enumerate(arrays)}
    return pd.DataFrame(columns, index=index, copy=False).set_axis(labels, axis=1)


def _compile_index(spec: TypeSpec, compile_: Compile) -> Callable[[list[Any] | None, int, str], Any]:
    import pandas as pd

    column = spec.get("index")
    convert = compile_column(column, compile_) if column else None

    def build(values: list[Any] | None, size: int, field: str) -> Any:
        if values is None or convert is None or column is None:
            return pd.RangeIndex(size)
        name = column["name"]
        try:
            return make_index(convert(values), name)
        except FAILURES as error:
            raise refuse_element(
                convert, values, lambda row: f"{field}[{row}].{name or 'index'}", column_name(column)
            ) from error

    return build


def compile_series(spec: TypeSpec, compile_: Compile) -> Decoder:
    """Take a list, or `{"index": […], "data": […]}`; with fixed `labels` also `{label: value}`."""
    import pandas as pd

    convert = compile_column(spec["column"], compile_)
    build_index = _compile_index(spec, compile_)
    expected, element = spec_name(spec), column_name(spec["column"])

    def decode(value: object, field: str) -> Any:
        values, index = _read_series(spec, value, field)
        if values is None:
            raise InvalidInput(field, expected, name_found(value))
        try:
            array = convert(values)
        except FAILURES as error:
            raise refuse_element(convert, values, lambda position: f"{field}[{position}]", element) from error
        built = build_index(index, len(values), field)
        return pd.Series(array, index=built, name=spec["column"].get("name"), dtype=array.dtype, copy=False)

    return decode


def _read_series(spec: TypeSpec, value: Any, field: str) -> tuple[list[Any] | None, list[Any] | None]:
    """Give the values of a series and its index; no values if the JSON has no such shape."""
    labels = spec.get("labels")
    if type(value) is list:
        if labels is not None and len(value) != len(labels):
            return None, None
        return value, labels
    if type(value) is not dict:
        return None, None
    if labels is not None:
        texts = [str(label) for label in labels]
        for name in value:
            if name not in texts:
                raise InvalidInput(f"{field}.{name}", f"the labels {name_some(texts, 12)}", name_unknown(name, texts))
        return ([value[text] for text in texts] if len(value) == len(texts) else None), labels
    index, data = value.get("index"), value.get("data")
    if len(value) != 2 or type(index) is not list or type(data) is not list or len(index) != len(data):
        return None, None
    return data, index
