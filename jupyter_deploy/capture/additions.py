"""What the notebook did to what it had defined, which no definition shows: the walk takes it at its end.

Registries that definitions fill, attributes put on classes and functions, subclasses that code asks for, values put
into the modules of others, settings of libraries.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable

from jupyter_deploy.capture.attributes import find_module_changes, find_subclasses, later_attributes, stored_attributes
from jupyter_deploy.capture.bindings import Bindings
from jupyter_deploy.capture.contents import Contents
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.literals import literal
from jupyter_deploy.capture.pickling import type_name
from jupyter_deploy.capture.recreation import find_beginning
from jupyter_deploy.capture.references import references_of
from jupyter_deploy.capture.registries import find_registries
from jupyter_deploy.capture.settings import find_settings, write_settings
from jupyter_deploy.capture.slice import Finding, Piece
from jupyter_deploy.capture.statements import Statements
from jupyter_deploy.capture.worklist import Worklist
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime.entries import SETTINGS


class Additions:
    """Looks for what was added, and asks for it."""

    def __init__(
        self, kernel: Kernel, bindings: Bindings, worklist: Worklist, statements: Statements, contents: Contents
    ) -> None:
        self._kernel = kernel
        self._bindings = bindings
        self._worklist = worklist
        self._statements = statements
        self._contents = contents
        self._stored = stored_attributes(kernel)
        self._optional: dict[str, str] = {}
        """The attributes that are to be put on, by the names of the values for them."""
        self.owners: dict[str, tuple[object, str, str]] = {}
        """The classes and functions that were taken, each with its reason and its place."""

    def add(self) -> None:
        """Take what was added to all that was taken so far."""
        self._add_attributes()
        self._add_subclasses()
        self._add_module_changes()
        self._add_settings()

    def leave(self, name: str, value: object, where: str) -> bool:
        """Leave out an attribute whose value cannot be carried, and report it; False if `name` is not such a value."""
        target = self._optional.get(name)
        if target is None:
            return False
        self._contents.pieces.pop(target)
        text = f"{target} ({type_name(value)}) cannot be copied: the service begins with what the definition gives it"
        self._contents.findings.append(Finding(text, where or None, "made-anew"))
        return True

    def refill_registries(self, drain: Callable[[], None]) -> None:
        """Let what definitions fill while they are imported begin empty, as the notebook's line made it.

        `drain` takes all that has been asked for.
        """
        for name in find_registries(self._contents.pieces, self._contents.changed):
            piece, binding = self._contents.pieces[name], self._bindings.last(name)
            statement = find_beginning(binding)
            if binding is not None and statement is not None:
                self._statements.repeat(name, statement, binding, piece.reason)
                drain()
            elif (kind := self._contents.kind_of(name)) in (dict, list, set):
                self._contents.pieces[name] = Piece(name, "alias", f"{name} = {kind.__name__}()", piece.reason)
            else:
                raise CaptureError(
                    f"{name} holds definitions that need {name} themselves while they are made ({piece.reason})",
                    where=binding.where if binding else None,
                    advice=f"make {name} in a line of its own, such as {name} = {{}}, before what is put into it",
                )
            made = self._contents.pieces[name]
            self._contents.pieces[name] = dataclasses.replace(made, later=made.later | (piece.now - {"_load_state"}))
            self._contents.add_refill(name, f'_load_state("{name}")', piece.now | {name})

    def _add_attributes(self) -> None:
        """Take what code put on classes and functions after their definition, as far as code may read it."""
        for name, (owner, reason, where) in sorted(self.owners.items()):
            for attribute, value in later_attributes(owner, self._kernel, self._stored).items():
                target = f"{name}.{attribute}"
                if target not in self._worklist.seen and self._contents.may_read(attribute):
                    self._worklist.seen.add(target)
                    self._assign_later(target, value, frozenset({name}), f"{reason} → {attribute}", where)

    def _assign_later(self, target: str, value: object, now: frozenset[str], reason: str, where: str) -> None:
        text = literal(value)
        if text is None:
            hidden = f"_{target.lstrip('_').replace('.', '_')}"
            text = self._worklist.name_value(value, hidden, reason, where)
            now |= {text}
            self._optional[text] = target
        self._contents.pieces[target] = Piece(target, "alias", f"{target} = {text}", "", now=now)

    def _add_subclasses(self) -> None:
        """Take the subclasses that code asks a class for."""
        if any("__subclasses__" in piece.text for piece in self._contents.pieces.values()):
            classes = [name for name, piece in self._contents.pieces.items() if piece.kind == "class"]
            for cls in find_subclasses(map(self._kernel.names.get, classes)):
                self._worklist.name_definition(cls, "a subclass that the code asks for", "")

    def _add_module_changes(self) -> None:
        """Take what the notebook put into modules of others."""
        for change in find_module_changes(self._kernel, self._contents.modules()):
            module, target = f"_{change.module.replace('.', '_')}", f"_{change.module}.{change.attribute}"
            if target in self._worklist.seen:
                continue
            self._worklist.seen.add(target)
            reason = f"the notebook changes {target[1:]}"
            text = f"import {change.module} as {module}"
            self._contents.add_import(change.module, Piece(module, "import", text, reason))
            target = f"{module}.{change.attribute}"
            if not change.filled:
                self._assign_later(target, change.value, frozenset({module}), reason, "")
                continue
            hidden = f"{module}_{change.attribute}"
            self._worklist.want_value(hidden, change.value, reason, "")
            self._contents.add_refill(target, hidden, frozenset({module, hidden}))

    def _add_settings(self) -> None:
        """Take what the notebook set in the libraries that the slice needs."""
        packages = {module.partition(".")[0] for module in self._contents.modules()}
        text = write_settings(find_settings(self._kernel, packages))
        if text is not None and (SETTINGS not in self._worklist.seen or self._contents.pieces[SETTINGS].text != text):
            piece = Piece(SETTINGS, "setting", text, "the notebook sets this for all that follows")
            self._statements.add(piece, references_of(ast.parse(text).body[0]), frozenset(), None)
            added = self._contents.pieces[SETTINGS]
            self._contents.pieces[SETTINGS] = dataclasses.replace(added, now=added.later)
