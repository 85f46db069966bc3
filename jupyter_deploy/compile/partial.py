"""Pipelines that begin with steps that have no compiled form: the model behind them is compiled all the same."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jupyter_deploy.capture.pickling import NameOf
from jupyter_deploy.capture.state import StateValue, serialise
from jupyter_deploy.compile.candidate import Candidate
from jupyter_deploy.compile.errors import NotCompiled, NotFaster
from jupyter_deploy.compile.rows import is_table, make_rows
from jupyter_deploy.compile.trial import MARGIN, Trial, time_both, try_out
from jupyter_deploy.runtime.compiled import build_model
from jupyter_deploy.runtime.compiled.description import write_description
from jupyter_deploy.runtime.compiled.pipeline import PartlyCompiled

_GAINS_LITTLE = "compiling the steps after it gains little"


@dataclass(frozen=True)
class _Packed:
    """Is pickled as what the service builds: the steps, and the description of the model behind them."""

    steps: tuple[Any, ...]
    files: dict[str, bytes]

    def __reduce__(self) -> Any:
        files = {".json": self.files[".json"], ".bin": pickle.PickleBuffer(self.files[".bin"])}
        return PartlyCompiled, (self.steps, files)


def write_partial(candidate: Candidate, name_of: NameOf) -> StateValue:
    """Turn the steps and the compiled model into bytes (raises `CaptureError` where a step cannot be carried)."""
    return serialise(_Packed(candidate.before, write_description(candidate.description)), name_of)


def try_partial(model: Any, candidate: Candidate, methods: Sequence[str], asked: Sequence[Any]) -> Trial:
    """Try the whole and, where answers turn, the model behind the steps (raises `NotCompiled`)."""
    tables = [table for table in asked if is_table(table)]
    if not tables:
        raise NotCompiled(f"{candidate.left}, and it is asked about no table of rows")
    compiled = PartlyCompiled(candidate.before, write_description(candidate.description))
    for method in methods:  # where the steps take most of the time there is no need to look further
        slow, fast = time_both(getattr(model, method), getattr(compiled, method), tables[0][:1])
        if slow < MARGIN * fast:
            raise NotFaster(f"{candidate.left}, and {_GAINS_LITTLE}")
    try:
        if not candidate.description["steps"]:
            _try_end(candidate, methods, tables)
        return try_out(model, compiled, methods, make_rows(model, tables, {}), tables)
    except NotFaster as error:
        raise NotFaster(f"{candidate.left}, and {_GAINS_LITTLE}") from error
    except NotCompiled as error:
        raise NotCompiled(f"{candidate.left}, and after it {error}") from error


def _try_end(candidate: Candidate, methods: Sequence[str], tables: Sequence[Any]) -> None:
    """Ask the last estimator and its compiled form about what the steps hand on, and rows beside its thresholds."""
    compiled = build_model(candidate.description)
    handed = []
    for table in tables:
        for step in candidate.before:
            table = step.transform(table)
        handed.append(table)
    alone = replace(candidate, before=())
    rows = make_rows(candidate.estimator, handed, alone.thresholds, missing=alone.takes_missing)
    try_out(candidate.estimator, compiled, methods, rows, handed)
