"""The statements of the slice: each is taken together with all that it refers to."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import difflib
import os

from jupyter_deploy.capture.bindings import Binding, Bindings
from jupyter_deploy.capture.contents import Contents
from jupyter_deploy.capture.kernel import ExecutedCell, Kernel
from jupyter_deploy.capture.references import References, references_of
from jupyter_deploy.capture.slice import Finding, Piece
from jupyter_deploy.capture.worklist import Worklist
from jupyter_deploy.errors import CaptureError

MODULE_NAMES = frozenset(
    (
        "__name__", "__doc__", "__file__", "__builtins__", "__builtin__", "__spec__", "__loader__", "__package__",
        "__annotations__", "__dict__", "__class__", "__debug__",
    )
)  # fmt: skip
"""Names that every module has of itself."""

_DISPLAY = '''def display(*objects, **options):
    """Show nothing: a service has no notebook to show it in."""'''


class Statements:
    """Puts statements into `contents`, and asks for what they refer to."""

    def __init__(self, kernel: Kernel, bindings: Bindings, worklist: Worklist, contents: Contents) -> None:
        self._kernel = kernel
        self._bindings = bindings
        self._worklist = worklist
        self._contents = contents
        self.dotted: set[str] = set()
        """The dotted names that code uses: `np.linalg.norm`."""

    def add(self, piece: Piece, references: References, supplied: frozenset[str], cell: ExecutedCell | None) -> None:
        """Take a piece, and what its code refers to but for the names that are `supplied`."""
        self._worklist.seen.add(piece.name)
        references = references.with_queried(self._kernel.names)
        self.follow(piece.name, piece.reason, references, supplied, cell)
        known = self._resolve(references.names - supplied)
        self._contents.pieces[piece.name] = dataclasses.replace(
            piece,
            now=piece.now | {known[name] for name in references.now if name in known},
            later=frozenset(known[name] for name in references.later if name in known),
        )

    def repeat(self, name: str, statement: ast.stmt, binding: Binding, reason: str) -> None:
        """Take the statement that made a value."""
        text = ast.get_source_segment(binding.cell.code, statement) or ast.unparse(statement)
        piece = Piece(name, "alias", text, reason, binding.cell.label, binding.line, count=binding.cell.count)
        self.add(piece, references_of(statement), frozenset(), binding.cell)

    def _resolve(self, names: frozenset[str]) -> dict[str, str]:
        """Map the names that the slice defines to the pieces that define them."""
        provided = self._worklist.provided
        return {
            name: provided.get(name, name)
            for name in names
            if name in self._kernel.names or name in provided or name == "display"
        }

    def follow(
        self, name: str, reason: str, references: References, supplied: frozenset[str], cell: ExecutedCell | None
    ) -> None:
        """Ask for what the code of a piece refers to."""
        contents = self._contents
        self.dotted |= references.attributes
        contents.changed[name] = references.writes - supplied
        contents.once[name] = references.once - supplied
        contents.mutators[name] = references.mutators
        contents.uses |= references.members
        contents.names |= references.names
        for module in references.imports:
            contents.demand(module, f"{name} imports it")
        contents.add_named_files(references.texts, name)
        contents.environment |= {key: os.environ[key] for key in references.variables if key in os.environ}
        for used in sorted(references.names - supplied):
            self._follow_name(used, f"{reason} → {used}", name, cell)

    def _follow_name(self, used: str, reason: str, user: str, cell: ExecutedCell | None) -> None:
        where = place_of(used, user, cell)
        hidden = self._kernel.hidden
        if used in self._worklist.provided or used in MODULE_NAMES:
            return
        if used == "get_ipython":
            raise CaptureError(
                f"{user} runs a magic or a shell line, which only a notebook can",
                where=where,
                advice="call the Python function behind it, or subprocess.run, instead",
            )
        if used == "display":
            self._contents.pieces.setdefault("display", Piece("display", "generated", _DISPLAY, reason))
        elif used in self._kernel.names and not (used in hidden and hidden[used] is self._kernel.names[used]):
            self._worklist.want(used, reason, where)
        elif not hasattr(builtins, used):
            near = difflib.get_close_matches(used, [*self._bindings.names(), *dir(builtins)], n=2)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            text = f"{user} reads {used}, which the kernel does not know{hint}"
            self._contents.findings.append(Finding(text, where or None, "unknown-name"))


def place_of(name: str, user: str, cell: ExecutedCell | None) -> str:
    """Name the line of a cell in which the code of `user` reads `name`."""
    if cell is None:
        return ""
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Name) and node.id == name:
            return f"{cell.label}, line {node.lineno}"
    return f"{cell.label}, {user}"
