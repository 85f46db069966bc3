"""An entry's code as a generator that stops where it asks a model, so that one question can be put for many callers.

    def diagnose(row):                                  def diagnose(row):
        risk = model.predict_proba([row])[0, 1]    ->       risk = (yield model.predict_proba, [row])[0, 1]
        return {"risk": risk}                               return {"risk": risk}

Each call becomes a generator that runs the entry's own code, once and in its own order, gives the method and its
argument, and is sent what the method answered. Whoever drives it may ask for each alone or for all at once.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Generator
from types import CodeType, FunctionType
from typing import Any

METHODS = frozenset({"predict", "predict_proba", "predict_log_proba", "decision_function"})
"""What models answer one row at a time, by the convention of scikit-learn and of the many who follow it."""

Question = tuple[Callable[[Any], Any], Any]
"""A model's method and the rows that it is called with."""
Lifted = Callable[..., Generator[Question, Any, Any]]


def lift(function: Callable[..., Any]) -> Lifted | None:
    """Give an entry's function as a generator of the questions that it puts to models; None if it puts none.

    Only a plain function of a module is lifted, and only calls in its own body. What stands in a `with` block is called
    as it is: between question and answer other callers' code runs, which could wait for the lock that the block holds.
    """
    if type(function) is not FunctionType or function.__closure__ or function.__code__.co_flags & _SPECIAL:
        return None
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse("".join(lines))
    except (OSError, SyntaxError):
        return None
    found = tree.body[0]
    if not isinstance(found, ast.FunctionDef) or found.decorator_list:
        return None
    asking = _Asking()
    asking.generic_visit(found)
    if not asking.questions or asking.locks:
        return None
    # The lines of the generator are those of the function: a traceback leads to the same cell.
    ast.increment_lineno(ast.fix_missing_locations(tree), first - 1)
    module = compile(tree, function.__code__.co_filename, "exec")
    codes = [part for part in module.co_consts if isinstance(part, CodeType) and part.co_name == function.__name__]
    if len(codes) != 1:
        return None
    lifted = FunctionType(codes[0], function.__globals__, function.__name__, function.__defaults__)
    lifted.__kwdefaults__ = function.__kwdefaults__
    return lifted


_SPECIAL = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


_ELSEWHERE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.With,
              ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
"""What has a body that runs as other code does, or while it holds something."""


class _Asking(ast.NodeTransformer):
    """Turns calls of a model's methods into questions."""

    def __init__(self) -> None:
        self.questions = 0
        self.locks = 0

    def visit(self, node: ast.AST) -> ast.AST:
        """Give what a node, and all in it, becomes."""
        if isinstance(node, _ELSEWHERE):
            return node
        self.generic_visit(node)
        self.locks += isinstance(node, ast.Attribute) and node.attr == "acquire"
        return self._ask(node) if isinstance(node, ast.Call) else node

    def _ask(self, node: ast.Call) -> ast.AST:
        plain = len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred)
        if not (plain and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS):
            return node
        self.questions += 1
        question = ast.copy_location(ast.Tuple([node.func, node.args[0]], ast.Load()), node)
        return ast.copy_location(ast.Yield(question), node)
