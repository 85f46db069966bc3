"""The walk from the entries through everything their code reaches."""

from __future__ import annotations

import ast
import builtins
import difflib
import os
import types
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.additions import Additions
from jupyter_deploy.capture.bindings import Binding, Bindings
from jupyter_deploy.capture.contents import Contents
from jupyter_deploy.capture.definitions import Draft, draft_binding, draft_class, draft_function
from jupyter_deploy.capture.importable import attribute_piece, find_import, module_piece, submodule_pieces
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.literals import literal
from jupyter_deploy.capture.recreation import find_alias, find_recreation
from jupyter_deploy.capture.references import References, references_of
from jupyter_deploy.capture.secrets import find_secrets, is_secret, looks_secret
from jupyter_deploy.capture.slice import Finding, Kind, Piece, Slice
from jupyter_deploy.capture.state import serialise, type_name
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.notebook import SKIPPING

MODULE_NAMES = frozenset(
    (
        "__name__", "__doc__", "__file__", "__builtins__", "__builtin__", "__spec__", "__loader__", "__package__",
        "__annotations__", "__dict__", "__class__", "__debug__",
    )
)  # fmt: skip
"""Names that every module has of itself."""

_DISPLAY = '''def display(*objects, **options):
    """Show nothing: a service has no notebook to show it in."""'''


class Walk:
    """Walks from entries and cells, and puts what it finds into `contents`; `slice` gives the result."""

    def __init__(self, kernel: Kernel, bindings: Bindings, *, skipped: frozenset[int] = frozenset()) -> None:
        self._kernel = kernel
        self._bindings = bindings
        self._skipped = skipped
        self.contents = Contents(kernel.folder)
        self._queue: deque[tuple[str, object, str, str]] = deque()
        self.seen: set[str] = set()
        self._provided: dict[str, str] = {}
        self._names_of: dict[int, tuple[object, str]] = {}
        self._global_names: dict[int, str] = {}
        self._dotted: set[str] = set()
        self._hidden_count = 0
        self._first: list[str] = []
        self._additions = Additions(self, kernel, bindings)
        for name in sorted(kernel.names):
            if not name.startswith("_") and name not in kernel.hidden:
                self._global_names.setdefault(id(kernel.names[name]), name)

    # What to include

    def add_entry(self, name: str) -> None:
        """Start from the global `name`."""
        self._require(name, name, "")
        self._first.append(name)
        self.drain()

    def add_method(self, name: str, method: Callable[..., Any]) -> None:
        """Start from a method of an object of the notebook, under a name of its own."""
        self.require_value(name, method, name, "")
        self._first.append(name)
        self.drain()

    def add_code(self, name: str, text: str, reason: str) -> None:
        """Include source of our own making, such as the entry that serves a model object."""
        node = ast.parse(text).body[0]
        self.add(Piece(name, "generated", text, reason), references_of(node), frozenset(), None)
        self._first.append(name)
        self.drain()

    def add_cell(self, cell: ExecutedCell, *, function: str | None) -> None:
        """Include a whole cell: at the top of the module, or as the body of `function` (set-up)."""
        name = function or f"_cell_{cell.count}"
        bound = sorted(
            {
                binding.name
                for key in self._bindings.names()
                for binding in self._bindings.of(key)
                if binding.cell is cell
            }
        )
        self._provided.update(dict.fromkeys(bound, name))
        text = "\n".join(ast.get_source_segment(cell.code, node) or ast.unparse(node) for node in cell.tree.body)
        if function is not None:
            body = "\n".join(["    " + line if line else "" for line in text.splitlines()])
            outer = f"    global {', '.join(bound)}\n" if bound else ""
            text = f"def {function}():\n{outer}{body or '    pass'}"
        references = [references_of(node).with_queried(self._kernel.names) for node in cell.tree.body]
        line = cell.tree.body[0].lineno - (2 if function and bound else 1 if function else 0) if cell.tree.body else 1
        self.seen.add(name)
        for one in references:
            self._follow(name, "cell", one, frozenset(bound), cell)
        now = frozenset().union(*(one.names for one in references)) - set(bound)
        split = self._split(function, now)
        piece = Piece(name, "cell", text, f"{cell.label} is tagged", cell.label, line, *split, count=cell.count)
        self.contents.pieces[name] = piece
        self._first.append(name)
        self.drain()

    @staticmethod
    def _split(function: str | None, names: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
        return (frozenset(), names) if function else (names, frozenset())

    def slice(self) -> Slice:
        """Give what was collected."""
        self._additions.refill_registries()
        pieces, imported = dict(self.contents.pieces), self._bindings.imported_modules
        for module, piece in submodule_pieces(pieces, self._kernel.names, imported, self._dotted):
            self.contents.add_import(module, piece)
        return self.contents.slice(tuple(self._first), self._names_of)

    # The walk itself

    def _require(self, name: str, reason: str, where: str) -> None:
        if name not in self.seen and name not in self._provided:
            self.seen.add(name)
            self._queue.append((name, self._kernel.names[name], reason, where))

    def require_value(self, name: str, value: object, reason: str, where: str) -> None:
        """Take a value under a name."""
        if name not in self.seen:
            self.seen.add(name)
            self._queue.append((name, value, reason, where))

    def drain(self) -> None:
        """Take all that is waiting."""
        while self._queue:
            while self._queue:
                self._define(*self._queue.popleft())
            self._additions.add()

    def _define(self, name: str, value: object, reason: str, where: str) -> None:
        binding = self._bindings.last(name) if self._kernel.names.get(name) is value else None
        if isinstance(value, types.ModuleType):
            self.contents.add_import(value.__name__, module_piece(name, value, reason))
        elif binding is not None and self._is_definition(name, value, binding, reason):
            return
        elif (imported := find_import(name, value, binding, self._bindings.stars)) is not None:
            self.contents.add_import(imported[0], attribute_piece(name, *imported, reason))
        elif isinstance(value, type) and value.__module__ == "__main__":
            draft = draft_class(name, value, self._kernel)
            if draft is None:
                self._recreate(name, value, binding, reason, where, CaptureError(f"the class {name} has no source"))
            else:
                self._add_draft(name, "class", draft, value, reason)
        elif isinstance(value, types.FunctionType):
            self._define_function(name, value, binding, reason, where)
        elif isinstance(value, types.MethodType):
            self._define_method(name, value, reason, where)
        else:
            self._define_value(name, value, binding, reason, where)

    def _is_definition(self, name: str, value: object, binding: Binding, reason: str) -> bool:
        draft = draft_binding(value, binding, self._kernel)
        if draft is None:
            return False
        kind: Kind = "class" if isinstance(binding.statement, ast.ClassDef) else "function"
        self._add_draft(name, kind, draft, value, reason)
        return True

    def _define_function(
        self, name: str, value: types.FunctionType, binding: Binding | None, reason: str, where: str
    ) -> None:
        try:
            draft = draft_function(name, value, self._kernel)
        except CaptureError as error:
            self._recreate(name, value, binding, reason, where, error)
        else:
            self._add_draft(name, "function", draft, value, reason)

    def _define_method(self, name: str, value: types.MethodType, reason: str, where: str) -> None:
        owner = self.name_of_value(value.__self__, f"_{name}_self", reason, where)
        text = f"{name} = {owner}.{value.__func__.__name__}"
        self.contents.pieces[name] = Piece(name, "alias", text, reason, now=frozenset({owner}))

    def name_of_value(self, value: object, fallback: str, reason: str, where: str) -> str:
        """Give the global that holds this very object, or define it under a name of its own."""
        known = self._global_names.get(id(value))
        if known is not None:
            self._require(known, f"{reason} → {known}", where)
            return known
        self.require_value(fallback, value, reason, where)
        return fallback

    def _add_draft(self, name: str, kind: Kind, draft: Draft, owner: object, reason: str) -> None:
        if draft.cell is not None and draft.cell.count in self._skipped:
            raise CaptureError(
                f"{name} is needed ({reason}), but its cell is tagged to be skipped",
                where=draft.cell.label,
                advice=f"remove the tag ({' or '.join(SKIPPING)}), or the use of the name",
            )
        if draft.future:
            self.contents.pieces.setdefault(
                "annotations", Piece("annotations", "future", "from __future__ import annotations", reason)
            )
        where = "" if draft.cell is None else f"{draft.cell.label}, line {draft.line}"
        if looks_secret(draft.text):
            raise CaptureError(
                f"the source of {name} holds what looks like a credential",
                where=where,
                advice="keep it in an environment variable and read it with os.environ",
            )
        extra = set()
        for hidden, value in draft.values.items():
            known = self._global_names.get(id(value))
            simple = literal(value) is not None
            if known is None or simple or known == name:
                self.require_value(hidden, value, f"{reason} → {hidden}", where)
            else:
                self._require(known, f"{reason} → {known}", where)
                alias = Piece(hidden, "alias", f"{hidden} = {known}", reason, now=frozenset({known}))
                self.contents.pieces[hidden] = alias
                self.seen.add(hidden)
            extra.add(hidden)
        piece = Piece(
            name, kind, draft.text, reason, draft.cell.label if draft.cell else None, draft.line, now=frozenset(extra),
            count=draft.cell.count if draft.cell else 0,
        )  # fmt: skip
        self.add(piece, draft.references, draft.supplied, draft.cell)
        self.contents.changed[name] |= draft.changes
        self.contents.once[name] |= draft.changes - draft.rebound
        self._additions.owners[name] = owner, reason, where

    def add(self, piece: Piece, references: References, supplied: frozenset[str], cell: ExecutedCell | None) -> None:
        """Take a piece, and what its code refers to but for the names that are `supplied`."""
        self.seen.add(piece.name)
        references = references.with_queried(self._kernel.names)
        self._follow(piece.name, piece.reason, references, supplied, cell)
        known = self._resolve(references.names - supplied)
        self.contents.pieces[piece.name] = Piece(
            piece.name,
            piece.kind,
            piece.text,
            piece.reason,
            piece.cell,
            piece.line,
            count=piece.count,
            now=piece.now | {known[name] for name in references.now if name in known},
            later=frozenset(known[name] for name in references.later if name in known),
        )

    def _resolve(self, names: frozenset[str]) -> dict[str, str]:
        """Map the names that the slice defines to the pieces that define them."""
        return {
            name: self._provided.get(name, name)
            for name in names
            if name in self._kernel.names or name in self._provided or name == "display"
        }

    def _follow(
        self, name: str, reason: str, references: References, supplied: frozenset[str], cell: ExecutedCell | None
    ) -> None:
        self._dotted |= references.attributes
        self.contents.changed[name] = references.writes - supplied
        self.contents.once[name] = references.once - supplied
        self.contents.mutators[name] = references.mutators
        self.contents.uses |= references.members
        self.contents.names |= references.names
        for module in references.imports:
            self.contents.demand(module, f"{name} imports it")
        self.contents.add_named_files(references.texts, name)
        self.contents.environment |= {key: os.environ[key] for key in references.variables if key in os.environ}
        for used in sorted(references.names - supplied):
            self._follow_name(
                used, f"{reason} → {used}", name, cell, required=used in references.now or used not in supplied
            )

    def _follow_name(self, used: str, reason: str, user: str, cell: ExecutedCell | None, *, required: bool) -> None:
        where = place_of(used, user, cell)
        hidden = self._kernel.hidden
        if used in self._provided or used in MODULE_NAMES:
            return
        if used == "get_ipython":
            raise CaptureError(
                f"{user} runs a magic or a shell line, which only a notebook can",
                where=where,
                advice="call the Python function behind it, or subprocess.run, instead",
            )
        if used == "display":
            self.contents.pieces.setdefault("display", Piece("display", "generated", _DISPLAY, reason))
        elif used in self._kernel.names and not (used in hidden and hidden[used] is self._kernel.names[used]):
            self._require(used, reason, where)
        elif hasattr(builtins, used) or not required:
            return
        else:
            near = difflib.get_close_matches(used, [*self._bindings.names(), *dir(builtins)], n=2)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            text = f"{user} reads {used}, which the kernel does not know{hint}"
            self.contents.findings.append(Finding(text, where or None, "unknown-name"))

    # Values

    def _define_value(self, name: str, value: Any, binding: Binding | None, reason: str, where: str) -> None:
        if is_secret(name, value):
            self.contents.add_secret(name, value, reason)
            return
        for path in find_secrets(value, name):
            raise CaptureError(
                f"{path} looks like a credential, and credentials are not captured",
                where=where,
                advice=f"keep it in an environment variable and read it with os.environ in the code ({reason})",
            )
        text = literal(value)
        if text is not None:
            self.contents.add_named_files([value] if isinstance(value, str) else [], name)
            self.contents.pieces[name] = Piece(name, "constant", f"{name} = {text}", reason)
            self.contents.constants[name] = value
            return
        if isinstance(value, Path):
            self.contents.add_named_files([str(value)], name)
        alias = find_alias(value, binding)
        if binding is not None and alias is not None:
            self.repeat(name, alias, binding, reason)
            return
        try:
            state = serialise(value, lambda target: self.name_of(target, reason, where),
                              lambda used: self._look_up(used, f"{reason} → {used}", where))
        except CaptureError as error:
            self._recreate(name, value, binding, reason, where, error)
            return
        self.contents.add_state(name, value, state, reason, where)

    def repeat(self, name: str, statement: ast.stmt, binding: Binding, reason: str) -> None:
        """Take the statement that made a value."""
        text = ast.get_source_segment(binding.cell.code, statement) or ast.unparse(statement)
        piece = Piece(name, "alias", text, reason, binding.cell.label, binding.line, count=binding.cell.count)
        self.add(piece, references_of(statement), frozenset(), binding.cell)

    def _recreate(
        self, name: str, value: object, binding: Binding | None, reason: str, where: str, error: CaptureError
    ) -> None:
        """Repeat the assignment that made a value which cannot be carried, or raise why it cannot."""
        statement = find_recreation(binding, self._kernel.names)
        if self._additions.leave(name, value, where):
            return
        if binding is None or statement is None:
            user = reason.split(" → ")[-2:][0]
            raise CaptureError(
                f"{name} cannot go into the service: {error.message}",
                where=error.where or where or None,
                advice=error.advice or f"create {name} in a cell tagged deploy:setup, or make {user} work without it",
            ) from error
        self.repeat(name, statement, binding, reason)
        if not isinstance(value, type) and type(value) is not object:
            self.contents.findings.append(
                Finding(
                    f"{name} ({type_name(value)}) cannot be copied: the service "
                    f"makes its own with this line",
                    binding.where,
                    "made-anew",
                )
            )

    def name_of(self, target: object, reason: str, where: str) -> str | None:
        """Name a function or class of the notebook that a pickled value refers to; None when others define it."""
        if id(target) in self._names_of:
            return self._names_of[id(target)][1]
        if not self._is_of_notebook(target):
            return None
        own = getattr(target, "__name__", "")
        name = own if self._kernel.names.get(own) is target else self._global_names.get(id(target), "")
        if name:
            self._require(name, f"{reason} → {name}", where)
        else:
            self._hidden_count += 1
            name = f"_{own.strip('<>_') or 'function'}_{self._hidden_count}"
            self.require_value(name, target, f"{reason} → {own}", where)
        self._names_of[id(target)] = (target, name)
        return name

    def _look_up(self, name: str, reason: str, where: str) -> object:
        """Give the value of a name that loading a value evaluates, and take it (raises `KeyError`)."""
        value = self._kernel.names[name]
        self._require(name, reason, where)
        return value

    def _is_of_notebook(self, target: object) -> bool:
        if type(target) is object:
            return id(target) in self._global_names
        if getattr(target, "__module__", None) == "__main__":
            return True
        return getattr(target, "__globals__", None) is self._kernel.names


def place_of(name: str, user: str, cell: ExecutedCell | None) -> str:
    """Name the line of a cell in which the code of `user` reads `name`."""
    if cell is None:
        return ""
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Name) and node.id == name:
            return f"{cell.label}, line {node.lineno}"
    return f"{cell.label}, {user}"
