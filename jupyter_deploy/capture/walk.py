"""The walk from the entries through everything their code reaches."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from pathlib import Path

from jupyter_deploy.capture.additions import Additions
from jupyter_deploy.capture.bindings import Binding, Bindings
from jupyter_deploy.capture.contents import Contents
from jupyter_deploy.capture.definitions import (
    Draft,
    draft_binding,
    draft_class,
    draft_function,
    names_its_class,
)
from jupyter_deploy.capture.importable import attribute_piece, find_import, module_piece, submodule_pieces
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.literals import literal
from jupyter_deploy.capture.pickling import type_name
from jupyter_deploy.capture.recreation import find_alias, find_recreation
from jupyter_deploy.capture.references import references_of
from jupyter_deploy.capture.secrets import find_secrets, is_secret, looks_secret
from jupyter_deploy.capture.slice import Finding, Kind, Piece, Slice
from jupyter_deploy.capture.state import serialise
from jupyter_deploy.capture.statements import Statements
from jupyter_deploy.capture.worklist import Wanted, Worklist
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.notebook import SKIPPING


class Walk:
    """Walks from entries and cells, and puts what it finds into `contents`; `slice` gives the result."""

    def __init__(self, kernel: Kernel, bindings: Bindings, *, skipped: frozenset[int] = frozenset()) -> None:
        self._kernel = kernel
        self._bindings = bindings
        self._skipped = skipped
        self.contents = Contents(kernel.folder)
        self._worklist = Worklist(kernel)
        self._statements = Statements(kernel, bindings, self._worklist, self.contents)
        self._additions = Additions(kernel, bindings, self._worklist, self._statements, self.contents)
        self._first: list[str] = []

    # What to include

    def add_entry(self, name: str) -> None:
        """Start from the global `name`."""
        self._worklist.want(name, name, "")
        self._begin(name)

    def add_method(self, name: str, method: Callable[..., object]) -> None:
        """Start from a method of an object of the notebook, under a name of its own."""
        self._worklist.want_value(name, method, name, "")
        self._begin(name)

    def add_code(self, name: str, text: str, reason: str) -> None:
        """Include source of our own making, such as the entry that serves a model object."""
        node = ast.parse(text).body[0]
        self._statements.add(Piece(name, "generated", text, reason), references_of(node), frozenset(), None)
        self._begin(name)

    def add_cell(self, cell: ExecutedCell, *, function: str | None) -> None:
        """Include a whole cell: at the top of the module, or as the body of `function` (set-up)."""
        name = function or f"_cell_{cell.count}"
        bindings = (binding for key in self._bindings.names() for binding in self._bindings.of(key))
        bound = sorted({binding.name for binding in bindings if binding.cell is cell})
        self._worklist.provided.update(dict.fromkeys(bound, name))
        text = "\n".join(ast.get_source_segment(cell.code, node) or ast.unparse(node) for node in cell.tree.body)
        if function is not None:
            body = "\n".join(["    " + line if line else "" for line in text.splitlines()])
            outer = f"    global {', '.join(bound)}\n" if bound else ""
            text = f"def {function}():\n{outer}{body or '    pass'}"
        line = cell.tree.body[0].lineno - (2 if function and bound else 1 if function else 0) if cell.tree.body else 1
        references = [references_of(node).with_queried(self._kernel.names) for node in cell.tree.body]
        self._worklist.seen.add(name)
        for one in references:
            self._statements.follow(name, "cell", one, frozenset(bound), cell)
        names = frozenset().union(*(one.names for one in references)) - set(bound)
        now, later = (frozenset[str](), names) if function else (names, frozenset[str]())
        self.contents.pieces[name] = Piece(
            name, "cell", text, f"{cell.label} is tagged", cell.label, line, now, later, cell.count
        )
        self._begin(name)

    def slice(self) -> Slice:
        """Give what was collected."""
        self._additions.refill_registries(self._drain)
        pieces, imported = dict(self.contents.pieces), self._bindings.imported_modules
        for module, piece in submodule_pieces(pieces, self._kernel.names, imported, self._statements.dotted):
            self.contents.add_import(module, piece)
        return self.contents.slice(tuple(self._first), self._worklist.named)

    # The walk itself

    def _begin(self, name: str) -> None:
        """Walk from a piece that stands as early in the slice as it can."""
        self._first.append(name)
        self._drain()

    def _drain(self) -> None:
        """Define all that is wanted, and all that is wanted then."""
        while self._worklist:
            while self._worklist:
                self._define(self._worklist.pop())
            self._additions.add()

    def _define(self, wanted: Wanted) -> None:
        name, value, reason, _ = wanted
        binding = self._bindings.last(name) if self._kernel.names.get(name) is value else None
        if isinstance(value, types.ModuleType):
            self.contents.add_import(value.__name__, module_piece(name, value, reason))
        elif binding is not None and self._is_definition(wanted, binding):
            return
        elif (imported := find_import(name, value, binding, self._bindings.stars)) is not None:
            self.contents.add_import(imported[0], attribute_piece(name, *imported, reason))
        elif isinstance(value, type) and value.__module__ == "__main__":
            draft = draft_class(name, value, self._kernel)
            if draft is None:
                self._recreate(wanted, binding, CaptureError(f"the class {name} has no source"))
            else:
                self._add_draft(wanted, "class", draft)
        elif isinstance(value, types.FunctionType):
            self._define_function(wanted, value, binding)
        elif isinstance(value, types.MethodType):
            self._define_method(wanted, value)
        else:
            self._define_value(wanted, binding)

    def _is_definition(self, wanted: Wanted, binding: Binding) -> bool:
        draft = draft_binding(wanted.value, binding, self._kernel)
        if draft is None:
            return False
        self._add_draft(wanted, "class" if isinstance(binding.statement, ast.ClassDef) else "function", draft)
        return True

    def _define_function(self, wanted: Wanted, function: types.FunctionType, binding: Binding | None) -> None:
        try:
            draft = draft_function(wanted.name, function, self._kernel)
        except CaptureError as error:
            self._recreate(wanted, binding, error)
        else:
            self._add_draft(wanted, "function", draft)

    def _define_method(self, wanted: Wanted, method: types.MethodType) -> None:
        name, _, reason, where = wanted
        owner = self._worklist.name_value(method.__self__, f"_{name}_self", reason, where)
        text = f"{name} = {owner}.{method.__func__.__name__}"
        self.contents.pieces[name] = Piece(name, "alias", text, reason, now=frozenset({owner}))

    # Source

    def _add_draft(self, wanted: Wanted, kind: Kind, draft: Draft) -> None:
        name, value, reason, _ = wanted
        cell = draft.cell
        where = "" if cell is None else f"{cell.label}, line {draft.line}"
        self._check_draft(name, draft, reason, where)
        if draft.future:
            self.contents.pieces.setdefault(
                "annotations", Piece("annotations", "future", "from __future__ import annotations", reason)
            )
        for hidden, held in draft.values.items():
            self._add_held(wanted, hidden, held, where)
        piece = Piece(name, kind, draft.text, reason, cell.label if cell else None, draft.line,
                      now=frozenset(draft.values), count=cell.count if cell else 0)
        self._statements.add(piece, draft.references, draft.supplied, cell)
        self.contents.changed[name] |= draft.changes
        self.contents.once[name] |= draft.changes - draft.rebound
        self._additions.owners[name] = value, reason, where

    def _check_draft(self, name: str, draft: Draft, reason: str, where: str) -> None:
        """Refuse source that must not go along (raises `CaptureError`)."""
        if draft.cell is not None and draft.cell.count in self._skipped:
            raise CaptureError(
                f"{name} is needed ({reason}), but its cell is tagged to be skipped",
                where=draft.cell.label,
                advice=f"remove the tag ({' or '.join(SKIPPING)}), or the use of the name",
            )
        if looks_secret(draft.text):
            raise CaptureError(
                f"the source of {name} holds what looks like a credential",
                where=where,
                advice="keep it in an environment variable and read it with os.environ",
            )

    def _add_held(self, owner: Wanted, hidden: str, value: object, where: str) -> None:
        """Take a value that a function or a class holds, as a default, a base or a method, under the name `hidden`."""
        name, held_by, reason, _ = owner
        known = self._worklist.global_of(value)
        if known is None and isinstance(value, type):
            known = self._worklist.name_definition(value, f"{reason} → {hidden}", where)
        if known is None or known == name or literal(value) is not None or names_its_class(value, held_by):
            self._worklist.want_value(hidden, value, f"{reason} → {hidden}", where)
            return
        self._worklist.want(known, f"{reason} → {known}", where)
        self._worklist.seen.add(hidden)
        self.contents.pieces[hidden] = Piece(hidden, "alias", f"{hidden} = {known}", reason, now=frozenset({known}))

    # Values

    def _define_value(self, wanted: Wanted, binding: Binding | None) -> None:
        name, value, reason, where = wanted
        if isinstance(value, str) and is_secret(name, value):
            self.contents.add_secret(name, value, reason)
            return
        for path in find_secrets(value, name):
            raise CaptureError(
                f"{path} looks like a credential, and credentials are not captured",
                where=where,
                advice=f"keep it in an environment variable and read it with os.environ in the code ({reason})",
            )
        if (text := literal(value)) is not None:
            self.contents.add_named_files([value] if isinstance(value, str) else [], name)
            self.contents.pieces[name] = Piece(name, "constant", f"{name} = {text}", reason)
            self.contents.constants[name] = value
            return
        if isinstance(value, Path):
            self.contents.add_named_files([str(value)], name)
        alias = find_alias(value, binding)
        if binding is not None and alias is not None:
            self._statements.repeat(name, alias, binding, reason)
            return
        try:
            state = serialise(value, lambda target: self._worklist.name_definition(target, reason, where),
                              lambda used: self._worklist.look_up(used, f"{reason} → {used}", where))
        except CaptureError as error:
            self._recreate(wanted, binding, error)
        else:
            self.contents.add_state(name, value, state, reason, where)

    def _recreate(self, wanted: Wanted, binding: Binding | None, error: CaptureError) -> None:
        """Repeat the assignment that made a value which cannot be carried, or raise why it cannot."""
        name, value, reason, where = wanted
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
        self._statements.repeat(name, statement, binding, reason)
        if not isinstance(value, type) and type(value) is not object:
            text = f"{name} ({type_name(value)}) cannot be copied: the service makes its own with this line"
            self.contents.findings.append(Finding(text, binding.where, "made-anew"))
