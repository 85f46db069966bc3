"""What a walk has found so far: pieces of code, values, files, and what the author should know of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.files import find_files
from jupyter_deploy.capture.generators import is_generator
from jupyter_deploy.capture.models import is_model
from jupyter_deploy.capture.registries import find_registries
from jupyter_deploy.capture.secrets import find_secret_bytes
from jupyter_deploy.capture.slice import Demand, Finding, Piece, Slice, list_demands, order_pieces
from jupyter_deploy.capture.state import StateValue
from jupyter_deploy.capture.usage import find_use
from jupyter_deploy.errors import CaptureError

_CHANGEABLE = frozenset({"state", "constant", "alias", "class", "function"})

_MAKERS = frozenset({"__init__", "__post_init__", "__setstate__", "__new__", "fit", "fit_transform", "set_params"})
"""Methods that make an object what it is: a service that is called again and again does not call them anew."""

LARGE = 50 * 2**20
"""Bytes; a captured value above this is reported together with the line that reads it."""


class Contents:
    """Collects a slice.

    Parameters
    ----------
    folder
        The kernel's working directory, to which the data files that code names are relative.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pieces: dict[str, Piece] = {}
        self.findings: list[Finding] = []
        self.environment: dict[str, str] = {}
        """Environment variables that the service reads, with their values."""
        self.changed: dict[str, frozenset[str]] = {}
        """The globals that the code of each piece changes when it is called."""
        self.once: dict[str, frozenset[str]] = {}
        """Those of them that it sets only where they are not set yet, or perhaps not at all."""
        self.mutators: dict[str, frozenset[str]] = {}
        """The methods of each class that change their object."""
        self.constants: dict[str, Any] = {}
        """The values that stand in the slice as literals."""
        self.uses: set[str] = set()
        """The attributes that code uses, of whatever object."""
        self.names: set[str] = set()
        """The names that code uses, built-in ones too."""
        self._state: dict[str, StateValue] = {}
        self._live: dict[str, Any] = {}
        self._demands: list[Demand] = []
        self._data: dict[str, bytes] = {}

    def demand(self, module: str, reason: str) -> None:
        """Need a module."""
        self._demands.append(Demand(module, reason))

    def add_import(self, module: str, piece: Piece) -> None:
        """Take a statement that imports from a module."""
        self.pieces[piece.name] = piece
        self.demand(module, piece.reason)

    def add_named_files(self, texts: Iterable[str], user: str) -> None:
        """Take the files beside the notebook that are named by texts in the code of `user`."""
        found, findings = find_files(texts, self._folder, user)
        self._data.update(found)
        self.findings += findings

    def add_read_files(self, paths: Iterable[Path], user: str) -> None:
        """Take the files beside the notebook that a golden call of `user` has read, however the code named them."""
        folder = self._folder.resolve()
        inside = [path.relative_to(folder) for path in paths if path.is_relative_to(folder)]
        shown = [path.as_posix() for path in inside if not any(part[0] == "." for part in path.parts)]
        self.add_named_files(shown, user)

    def add_state(self, name: str, value: Any, state: StateValue, reason: str, where: str) -> None:
        """Take a value in the form in which it will lie in the bundle (raises `CaptureError` for credentials)."""
        for suffix, data in state.files.items():
            secret = find_secret_bytes(data) if suffix in (".pkl", ".json") else None
            if secret is not None:
                raise CaptureError(
                    f"{name} holds what looks like a credential ({secret.shown})",
                    where=where,
                    advice="remove it from the object before deploying",
                )
        self._state[name] = state
        self._live[name] = value
        loader = "from runtime.state import load_state as _load_state"
        self.pieces["_load_state"] = Piece("_load_state", "import", loader, "")
        self.pieces[name] = Piece(
            name, "state", f'{name} = _load_state("{name}")', reason, now=state.names | {"_load_state"}
        )
        self._demands += list_demands(name, state, reason)
        if state.size > LARGE:
            size = f"{state.size / 2**20:.0f} MB"
            text = f"{name} ({state.type}, {size}) is captured, because this line reads it: {reason}"
            self.findings.append(Finding(text, where or None, "large-state"))

    def add_refill(self, target: str, contents: str, needed: frozenset[str]) -> None:
        """Give what definitions fill while they are imported exactly what the notebook had in it, in its order."""
        self.pieces["_refill"] = Piece("_refill", "import", "from runtime.state import refill as _refill", "")
        name, text = f"{target} (filled)", f"_refill({target}, {contents})"
        self.pieces[name] = Piece(name, "alias", text, "", now=needed | {"_refill"})

    def modules(self) -> set[str]:
        """Name the modules that the slice imports so far."""
        return {demand.module for demand in self._demands}

    def kind_of(self, name: str) -> type:
        """Give the type of a value that was taken."""
        return type(self._live[name])

    def add_secret(self, name: str, value: str, reason: str) -> None:
        """Take a look-up in place of a secret: of the environment variable it came from, or of one of its own name."""
        variable = next((key for key, text in sorted(os.environ.items()) if text == value), name)
        self.environment[variable] = value
        self.pieces["_os"] = Piece("_os", "import", "import os as _os", reason)
        text = f'{name} = _os.environ["{variable}"]'
        self.pieces[name] = Piece(name, "environment", text, reason, now=frozenset({"_os"}))
        source = f"the environment variable {variable} ({reason})"
        told = f"{name} looks like a credential: the service reads it from {source}"
        self.findings.append(Finding(told, code="secret"))

    def models(self) -> Mapping[str, Any]:
        """Give the models of the state that the slice does nothing with but ask them."""
        pieces = list(self.pieces.values())
        return {name: value for name, value in self._live.items() if is_model(value) and find_use(name, pieces).plain}

    def changed_by(self, entry: str) -> frozenset[str]:
        """Name the values, classes and functions that `entry` may change: it and all it calls store into them."""
        reached: set[str] = set()
        waiting = [entry]
        changed: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in reached or name not in self.pieces:
                continue
            reached.add(name)
            changed |= self.changed.get(name, frozenset())
            changed |= {name} if is_generator(self._live.get(name)) or self._may_change_itself(name) else frozenset()
            waiting += self.pieces[name].now | self.pieces[name].later
        return frozenset(name for name in changed & self.pieces.keys() if self.pieces[name].kind in _CHANGEABLE)

    def _may_change_itself(self, name: str) -> bool:
        """Tell whether a value is, or holds, an object with methods that change it and that code may call."""
        classes = self._state[name].names if name in self._state else frozenset()
        methods = frozenset[str]().union(*(self.mutators.get(one, frozenset()) for one in classes)) - _MAKERS
        return any(method in self.uses or _is_special(method) for method in methods)

    def may_read(self, attribute: str) -> bool:
        """Tell whether code uses an attribute of this name, or of any; a private one goes by `__name` there."""
        private = "__" + attribute.partition("__")[2]
        return bool({attribute, private, "__dict__"} & self.uses or {"getattr", "vars"} & self.names)

    def live_of(self, names: Iterable[str]) -> dict[str, Any]:
        """Give the values, as they are in the kernel, of some of what was taken."""
        taken = {**self.constants, **self._live}
        return {name: taken[name] for name in names if name in taken}

    def doubtful(self) -> frozenset[str]:
        """Name what only a call shows to be changed: what is stored into mostly while it is made, or once."""
        definitions = frozenset(name for name, piece in self.pieces.items() if piece.kind in ("class", "function"))
        once = frozenset().union(*self.once.values())
        otherwise = (self.changed[name] - self.once.get(name, frozenset()) for name in self.changed)
        themselves = filter(self._may_change_itself, self._state)
        return definitions.union(
            find_registries(self.pieces, self.changed), themselves, once.difference(*otherwise)
        )

    def slice(self, first: tuple[str, ...], named: Mapping[int, tuple[object, str]]) -> Slice:
        """Give what was collected, the pieces in order; those named in `first` come as early as they can."""
        return Slice(
            order_pieces(self.pieces, first),
            self._state,
            tuple(self._demands),
            tuple(sorted(self.environment)),
            dict(sorted(self._data.items())),
            tuple(self.findings),
            self._live,
            named,
        )


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
