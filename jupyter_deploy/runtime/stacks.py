"""Rows that several callers ask a model about, put together as one table, and the answers taken apart again."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any


class NotRows(ValueError):
    """An answer has not one element for each row."""


def describe_rows(rows: Any) -> Hashable | None:
    """Give what tables must have in common to be put together; None for what is not a table of rows.

    Arrays of at least two dimensions need the same dtype and width, frames the same columns and dtypes and an index
    that only counts, lists the same types of values: of integers among floats a model would make other arrays.
    """
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and type(rows) is numpy.ndarray:
        return (rows.dtype, rows.shape[1:]) if rows.ndim > 1 and len(rows) and rows.dtype != object else None
    if type(rows) is list:
        kinds = {tuple(map(type, row)) if type(row) in (list, tuple) else type(row) for row in rows}
        return ("list", *kinds) if len(kinds) == 1 else None
    if pandas is not None and type(rows) is pandas.DataFrame and len(rows) and _counts(rows.index):
        return ("frame", tuple(rows.columns), tuple(rows.dtypes))
    return None


def _counts(index: Any) -> bool:
    pandas: Any = sys.modules["pandas"]
    return type(index) is pandas.RangeIndex and index.start == 0 and index.step == 1 and index.name is None


def stack(tables: Sequence[Any]) -> Any:
    """Put tables of one description together."""
    first = tables[0]
    if len(tables) == 1:
        return first
    if type(first) is list:
        return list(chain.from_iterable(tables))
    if type(first).__module__ == "numpy":
        return sys.modules["numpy"].concatenate(tables)
    return sys.modules["pandas"].concat(tables, ignore_index=True)


def split(answer: Any, sizes: Sequence[int]) -> list[Any]:
    """Take an answer apart: so many of its elements for each of the tables (raises `NotRows`)."""
    numpy = sys.modules.get("numpy")
    if type(answer) is not list and not (numpy is not None and type(answer) is numpy.ndarray and answer.ndim):
        raise NotRows(f"the answer should be an array or a list, but is a {type(answer).__name__}")
    if len(answer) != sum(sizes):
        raise NotRows(f"the answer has {len(answer)} elements for {sum(sizes)} rows")
    return [answer[start:end] for start, end in pairwise((0, *accumulate(sizes)))]
