"""Other shapes of a request (tables, instances, named tensors) turned into calls of an entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .manifest import Entry


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

    def read_table(
        self, columns: Sequence[object], rows: Sequence[Sequence[object]],
        *, index: Sequence[object] | None = None, params: Mapping[str, object] | None = None,
    ) -> Calls:
        """Read a table: the names of its columns and its rows (MLflow's `dataframe_split`)."""
        raise NotImplementedError

    def read_records(self, records: object, *, params: Mapping[str, object] | None = None) -> Calls:
        """Read a list of records (MLflow's `dataframe_records`)."""
        raise NotImplementedError

    def read_csv(self, text: str, *, params: Mapping[str, object] | None = None) -> Calls:
        """Read CSV with a header line; cells convert by the types of the notebook."""
        raise NotImplementedError

    def read_instances(self, instances: object, *, params: Mapping[str, object] | None = None) -> Calls:
        """Read KServe's and MLflow's `instances`: a list with one element a row."""
        raise NotImplementedError

    def read_inputs(self, inputs: object, *, params: Mapping[str, object] | None = None) -> Calls:
        """Read KServe's and MLflow's `inputs`: instances, or an object of columns or arguments."""
        raise NotImplementedError

    def read_tensors(self, tensors: object) -> Calls:
        """Read the `inputs` of an Open Inference Protocol v2 request: named tensors, flat or nested."""
        raise NotImplementedError
