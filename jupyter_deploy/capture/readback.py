"""Loading a pickle once, as the service will: what it looks up is all that the service admits."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.runtime import state as runtime_state

LookUp = Callable[[str], object]
"""Gives the notebook's value of a name, and sees to it that the service defines it (raises `KeyError`)."""


@dataclass(frozen=True)
class ReadBack:
    """What a pickle needed to be loaded."""

    globals: frozenset[tuple[str, str]]
    """Modules and names that it looks up."""
    bases: frozenset[str]
    """Modules of the classes that those inherit from."""
    names: frozenset[str]
    """Names of the notebook that it evaluates: a model's formula `y ~ np.log(x)` is evaluated when it is loaded."""


def read_back(data: bytes, buffers: list[memoryview], resolve: Callable[[str], Any], look_up: LookUp) -> ReadBack:
    """Load a pickle; `resolve` gives what it refers to as the notebook's own. Raises whatever loading raises."""
    reader = _RecordingUnpickler(io.BytesIO(data), buffers, resolve)
    names = _Names(look_up)
    runtime_state.load_among(names, reader)
    return ReadBack(frozenset(reader.globals), frozenset(reader.bases), frozenset(names.found))


class _Names(dict[str, Any]):
    """Globals that are asked for in the notebook."""

    def __init__(self, look_up: LookUp) -> None:
        super().__init__()
        self._look_up = look_up
        self.found: set[str] = set()

    def __missing__(self, name: str) -> object:
        self[name] = value = self._look_up(name)
        self.found.add(name)
        return value

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self[name] is not self
        except KeyError:
            return False


class _RecordingUnpickler(runtime_state.SetUnpickler):
    """Remembers which globals it looks up."""

    def __init__(self, file: io.BytesIO, buffers: list[memoryview], resolve: Callable[[str], Any]) -> None:
        super().__init__(file, buffers=buffers)
        self._resolve = resolve
        self.globals: set[tuple[str, str]] = set()
        self.bases: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.globals.add((module, name))
        if (module, name) == (runtime_state.__name__, runtime_state.service_attribute.__name__):
            return self._resolve
        found = super().find_class(module, name)
        if isinstance(found, type):
            self.bases |= {base.__module__ for base in found.__mro__} - {"builtins", "__main__"}
        return found
