"""What models are asked while golden calls are answered: the rows that a compiled form is tried with later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

from jupyter_deploy.capture.usage import METHODS

ROWS = 20
"""Rows kept of a question."""
QUESTIONS = 32
"""Questions kept of a model."""

Asked = Mapping[str, Sequence[Any]]
"""Tables of rows by the name of the model that was asked about them."""


class _Listener:
    """Stands for a model among the globals, keeps the rows of each question, and lets the model answer."""

    def __init__(self, model: Any, asked: list[Any]) -> None:
        self._model = model
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        return self._listen(found) if name in METHODS else found

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._listen(self._model)(*args, **options)

    def _listen(self, method: Any) -> Any:
        def ask(*args: Any, **options: Any) -> Any:
            if len(args) == 1 and len(self._asked) < QUESTIONS:
                self._asked.append(_keep(args[0]))
            return method(*args, **options)

        return ask


def _keep(rows: Any) -> Any:
    """Copy the first rows: whoever asked may change them."""
    if hasattr(rows, "iloc"):
        return rows.iloc[:ROWS].copy()
    if isinstance(rows, list):
        return rows[:ROWS]
    if not getattr(rows, "ndim", 0):
        return rows
    return rows[:ROWS].copy() if hasattr(rows, "copy") else rows[:ROWS].detach().clone()


@contextmanager
def overhear(namespaces: Sequence[MutableMapping[str, Any]], models: Mapping[str, Any]) -> Iterator[Asked]:
    """Listen to what `models` are asked through the globals of functions while the block runs."""
    asked: dict[str, list[Any]] = {name: [] for name in models}
    placed: list[tuple[MutableMapping[str, Any], str, Any]] = []
    try:
        for name, model in models.items():
            listener = _Listener(model, asked[name])
            for namespace in namespaces:
                if namespace.get(name) is model:
                    namespace[name] = listener
                    placed.append((namespace, name, model))
        yield asked
    finally:
        for namespace, name, model in placed:
            if isinstance(namespace.get(name), _Listener):
                namespace[name] = model
