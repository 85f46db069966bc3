"""How the slice uses a captured value: a model's place is taken only where it is asked, and in no other way."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jupyter_deploy.capture.slice import Piece

METHODS = frozenset({"predict", "predict_proba", "predict_log_proba", "decision_function", "forward"})
CALL = "__call__"
"""The method that `model(rows)` asks."""
EVALUATE = frozenset({"eval"})
"""The method that puts a PyTorch module into the mode in which its compiled form always is."""
ATTRIBUTES = frozenset({"classes_", "feature_names_in_", "n_features_in_"})
_LOOK_UPS = frozenset({"globals", "locals", "vars", "eval", "exec"})
"""What reads names that cannot be seen in the code."""


@dataclass(frozen=True)
class Use:
    """What the code does with a value."""

    methods: frozenset[str]
    other: str | None
    """The first use that a compiled form does not have; None if there is none."""

    @property
    def plain(self) -> bool:
        """Whether it is asked, and nothing else is done with it."""
        return self.other is None and bool(self.methods)


def find_use(name: str, pieces: Iterable[Piece]) -> Use:
    """Find out what a slice does with the value `name`."""
    methods: set[str] = set()
    for piece in pieces:
        if piece.name == name and piece.kind == "state":
            continue
        try:
            tree = ast.parse(piece.text)
        except SyntaxError:  # a cell that awaits at its top
            if name in piece.text:
                return Use(frozenset(methods), f"{piece.cell or piece.name} cannot be looked into")
            continue
        for other in _other_uses(name, tree, methods):
            return Use(frozenset(methods), f"{piece.cell or piece.name} uses it in another way: {other}")
    return Use(frozenset(methods), None)


def _other_uses(name: str, tree: ast.Module, methods: set[str]) -> Iterator[str]:
    known: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_of(name, node.func, METHODS) and _is_plain(node):
            methods.add(node.func.attr)  # type: ignore[attr-defined]  # `_is_of` says that it is an attribute
            known |= {node.func, node.func.value}  # type: ignore[attr-defined]
        elif isinstance(node, ast.Call) and _is_of(name, node.func, EVALUATE) and not node.args and not node.keywords:
            known |= {node.func, node.func.value}  # type: ignore[attr-defined]  # as above
        elif isinstance(node, ast.Call) and _is_called(name, node) and _is_plain(node):
            methods.add(CALL)
            known.add(node.func)
        elif isinstance(node, ast.Attribute) and node not in known and _is_of(name, node, ATTRIBUTES):
            known |= {node, node.value}
    for node in ast.walk(tree):
        hidden = isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names
        if hidden or (isinstance(node, ast.Name) and node.id in _LOOK_UPS | {name} and node not in known):
            yield _show(tree, node)


def _is_of(name: str, node: ast.AST, attributes: frozenset[str]) -> bool:
    return (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
            and isinstance(node.ctx, ast.Load) and node.attr in attributes)


def _is_called(name: str, call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == name


def _is_plain(call: ast.Call) -> bool:
    return len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred)


def _show(tree: ast.Module, node: ast.AST) -> str:
    """Show the line, or the innermost expression around a node."""
    around = [one for one in ast.walk(tree) if isinstance(one, (ast.expr, ast.stmt)) and one is not node
              and any(inner is node for inner in ast.iter_child_nodes(one))]
    text = ast.unparse(around[0] if around and isinstance(node, ast.expr) else node).partition("\n")[0]
    return text if len(text) <= 60 else text[:57] + "..."
