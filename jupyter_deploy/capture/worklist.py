"""The names that the slice still has to define, and the names by which it knows the notebook's objects."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from jupyter_deploy.capture.kernel import Kernel


class Wanted(NamedTuple):
    """A name that the slice has to define."""

    name: str
    value: object
    reason: str
    """The chain of names that leads to it from an entry."""
    where: str
    """The line that reads it, as messages call it."""


class Worklist:
    """Takes each name once, in the order in which names are asked for."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._queue: deque[Wanted] = deque()
        self.seen: set[str] = set()
        """The names that were taken, or wait to be."""
        self.provided: dict[str, str] = {}
        """The names that whole cells define, each with the piece that holds its cell."""
        self.named: dict[int, tuple[object, str]] = {}
        """The functions and classes that values refer to, by identity: held, so that no other object gets the id."""
        self._globals: dict[int, str] = {}
        self._hidden_count = 0
        for name in sorted(kernel.names):
            if not name.startswith("_") and name not in kernel.hidden:
                self._globals.setdefault(id(kernel.names[name]), name)

    def __len__(self) -> int:
        return len(self._queue)

    def pop(self) -> Wanted:
        """Give the next name to define."""
        return self._queue.popleft()

    def want(self, name: str, reason: str, where: str) -> None:
        """Ask for a global of the notebook (raises `KeyError` when there is none of that name)."""
        if name not in self.seen and name not in self.provided:
            self.want_value(name, self._kernel.names[name], reason, where)

    def want_value(self, name: str, value: object, reason: str, where: str) -> None:
        """Ask for a value under a name."""
        if name not in self.seen:
            self.seen.add(name)
            self._queue.append(Wanted(name, value, reason, where))

    def look_up(self, name: str, reason: str, where: str) -> object:
        """Give the value of a global, and ask for it (raises `KeyError`)."""
        value = self._kernel.names[name]
        self.want(name, reason, where)
        return value

    def global_of(self, value: object) -> str | None:
        """Give the name of the global that holds this very object."""
        return self._globals.get(id(value))

    def name_value(self, value: object, fallback: str, reason: str, where: str) -> str:
        """Ask for the global that holds this very object, or else for the object under the name `fallback`."""
        known = self.global_of(value)
        if known is not None:
            self.want(known, f"{reason} → {known}", where)
            return known
        self.want_value(fallback, value, reason, where)
        return fallback

    def name_definition(self, target: object, reason: str, where: str) -> str | None:
        """Name a function or class of the notebook, and ask for it; None when it is defined elsewhere."""
        if id(target) in self.named:
            return self.named[id(target)][1]
        if not self._is_of_notebook(target):
            return None
        own = getattr(target, "__name__", "")
        name = own if self._kernel.names.get(own) is target else self.global_of(target)
        if name:
            self.want(name, f"{reason} → {name}", where)
        else:
            self._hidden_count += 1
            name = f"_{own.strip('<>_') or 'function'}_{self._hidden_count}"
            self.want_value(name, target, f"{reason} → {own}", where)
        self.named[id(target)] = (target, name)
        return name

    def _is_of_notebook(self, target: object) -> bool:
        if type(target) is object:
            return id(target) in self._globals
        if getattr(target, "__module__", None) == "__main__":
            return True
        return getattr(target, "__globals__", None) is self._kernel.names
