"""The slice: only what the entries reach, as a module that imports cleanly.

The walk starts from the entries' live objects and follows the names that their code really uses, through the kernel's
globals. A module becomes an import; a function or class of the notebook becomes source; a short plain value becomes a
literal; anything else becomes state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jupyter_deploy.capture.state import StateValue

Kind = Literal[
    "future", "import", "function", "class", "setting", "constant", "state", "environment", "alias", "cell", "generated"
]


@dataclass(frozen=True)
class Piece:
    """A statement of the slice, or a few that belong together, with what it needs."""

    name: str
    kind: Kind
    text: str
    reason: str
    """The chain of names that leads here from an entry: `predict → features → SCALE`."""
    cell: str | None = None
    """The notebook's cell the text came from, as messages call it."""
    line: int = 1
    """The line of that cell where the text begins."""
    now: frozenset[str] = frozenset()
    """Names that must be defined before this text runs."""
    later: frozenset[str] = frozenset()
    """Names that must be defined before what this text defines is called."""
    count: int = 0
    """The execution count of the cell: 0 for what stands in none."""

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it stands in the notebook's history, to sort by."""
        return self.count, self.line, self.name


@dataclass(frozen=True)
class Finding:
    """Something the author should know; `--strict` makes it an error."""

    text: str
    cell: str | None = None
    code: str = "left-out-module"
    """What kind of finding it is, for machines."""

    def __str__(self) -> str:
        return self.text if self.cell is None else f"{self.cell}: {self.text}"


@dataclass(frozen=True)
class Demand:
    """A module that something of the slice imports."""

    module: str
    reason: str
    state: str | None = None
    """The value that needs it to be loaded; None: code does."""


@dataclass(frozen=True)
class Slice:
    """What the service consists of: code, state, and what they import."""

    pieces: tuple[Piece, ...]
    """In an order in which the module imports cleanly."""
    state: Mapping[str, StateValue]
    demands: tuple[Demand, ...]
    """Modules that the code and the state import, in the order in which they were found."""
    environment: tuple[str, ...]
    """Environment variables that stand for secrets."""
    data: Mapping[str, bytes]
    """Relative data files that the code names, by path."""
    findings: tuple[Finding, ...]
    live: Mapping[str, Any] = field(default_factory=dict)
    """The values of the state as they are in the kernel."""
    named: Mapping[int, tuple[object, str]] = field(default_factory=dict)
    """The notebook's functions and classes that values refer to, with their names in the slice, by identity."""

    def name_of(self, target: object) -> str | None:
        """Give the name under which the slice defines a function or class of the notebook, None for others'."""
        return self.named[id(target)][1] if id(target) in self.named else None

    @property
    def modules(self) -> Mapping[str, str]:
        """Modules that the code and the state import, with the first reason of each."""
        reasons: dict[str, str] = {}
        for demand in self.demands:
            reasons.setdefault(demand.module, demand.reason)
        return dict(sorted(reasons.items()))

    def replace_state(self, values: Mapping[str, StateValue]) -> Slice:
        """Give the slice with other forms of some values, which have demands of their own."""
        reasons = {piece.name: piece.reason for piece in self.pieces}
        demands = [demand for demand in self.demands if demand.state not in values]
        for name, value in sorted(values.items()):
            demands += list_demands(name, value, reasons[name])
        return replace(self, state={**self.state, **values}, demands=tuple(demands))


def list_demands(name: str, value: StateValue, reason: str) -> list[Demand]:
    """List what loading a value imports."""
    return [Demand(module, f"{name} is a {value.type} ({reason})", name) for module in sorted(value.modules)]


def order_pieces(pieces: Mapping[str, Piece], first: tuple[str, ...]) -> tuple[Piece, ...]:
    """Order pieces so that each stands after what it needs now, and after what those need when they are called.

    A decorator or a default may call anything it names, so everything reachable from a `now` name comes before.
    Names that need each other only later (mutual recursion, a class whose method reads a model of that class) may
    stand in any order; what nothing else decides is the order of the notebook.
    """
    done: dict[str, Piece] = {}
    active: set[tuple[str, bool]] = set()

    def place(name: str, *, ready: bool) -> None:
        """Emit `name`; when `ready`, also everything it needs when it is called."""
        piece = pieces.get(name)
        if piece is None or (name, ready) in active:
            return
        active.add((name, ready))
        if name not in done:
            for needed in _in_order(piece.now, pieces):
                place(needed, ready=True)
            done.setdefault(name, piece)
        if ready:
            for needed in _in_order(piece.now | piece.later, pieces):
                place(needed, ready=True)

    head: dict[Kind, int] = {"future": 0, "import": 1, "environment": 2, "setting": 3, "constant": 4}
    top = [name for name, piece in pieces.items() if piece.kind in head]
    for name in sorted(top, key=lambda name: (head[pieces[name].kind], pieces[name].text)):
        place(name, ready=False)
    for name in first:
        place(name, ready=True)
    for name in _in_order(pieces, pieces):
        place(name, ready=True)
    return tuple(done.values())


def _in_order(names: Iterable[str], pieces: Mapping[str, Piece]) -> list[str]:
    return sorted(names, key=lambda name: pieces[name].place if name in pieces else (0, 0, name))
