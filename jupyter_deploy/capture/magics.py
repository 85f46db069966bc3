"""Cells as plain Python: IPython's magics and shell lines taken out, line numbers kept."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache

RUN_THEIR_BODY = frozenset(
    {"time", "capture", "prun", "deploy", "memit", "mprun", "scalene", "snakeviz", "pyinstrument"}
)
"""Cell and line magics that execute the Python they are given in the notebook's own namespace."""

_RUNNERS = frozenset({"run_cell_magic", "run_line_magic", "system", "getoutput"})


@lru_cache(maxsize=4096)  # a redeploy meets the same cells again, and parsing them all is most of a capture's time
def clean_source(raw: str, transform: Callable[[str], str]) -> tuple[str, ast.Module]:
    """Give the Python of a cell and its tree; both are empty when it is not Python (`%%bash`, a syntax error).

    `transform` is IPython's own translation of magics into calls of `get_ipython()`.
    """
    try:
        return parse_cell(raw, transform)
    except (SyntaxError, ValueError):
        return "", ast.Module(body=[], type_ignores=[])


def parse_cell(raw: str, transform: Callable[[str], str]) -> tuple[str, ast.Module]:
    """Give the Python of a cell and its tree; both are empty when a magic makes it another language (`%%bash`).

    Raises
    ------
    SyntaxError
        When it is not Python; the line is the cell's.
    ValueError
        When it holds a null byte.

    """
    code = transform(raw)
    tree = ast.parse(code)
    body = _body_of_cell_magic(tree)
    if body is not None:
        inner, inner_tree = _parse_body(body, transform)
        ast.increment_lineno(inner_tree, 1)  # the line with %% itself
        return "\n" + inner, inner_tree
    tree.body = [cleaned for statement in tree.body if (cleaned := _clean_statement(statement)) is not None]
    return code, tree


def _parse_body(body: str, transform: Callable[[str], str]) -> tuple[str, ast.Module]:
    try:
        return parse_cell(body, transform)
    except SyntaxError as error:
        error.lineno = (error.lineno or 1) + 1
        raise


def _body_of_cell_magic(tree: ast.Module) -> str | None:
    """Give the text under a `%%magic` line: empty when that magic does not run it as Python here."""
    if len(tree.body) != 1 or not isinstance(statement := tree.body[0], ast.Expr):
        return None
    call = _shell_call(statement.value)
    if call is None or call[0] != "run_cell_magic":
        return None
    name, _, body = call[1]
    return body if name in RUN_THEIR_BODY else ""


def _clean_statement(statement: ast.stmt) -> ast.stmt | None:
    if not isinstance(statement, ast.Expr):
        return statement
    call = _shell_call(statement.value)
    if call is None:
        return statement
    method, arguments = call
    if method == "run_line_magic" and arguments[0] in RUN_THEIR_BODY:
        return _parse_line(arguments[1], statement)
    return None


def _parse_line(text: str, place: ast.stmt) -> ast.stmt | None:
    """Parse what stands behind `%time`; options such as `-o` make it something else than Python."""
    try:
        inner = ast.parse(text).body
    except SyntaxError:
        return None
    if len(inner) != 1:
        return None
    for node in ast.walk(inner[0]):
        if hasattr(node, "lineno"):
            ast.copy_location(node, place)
    return inner[0]


def _shell_call(node: ast.expr) -> tuple[str, list[str]] | None:
    """Read `get_ipython().<method>('a', 'b')`."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _RUNNERS
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == "get_ipython"
    ):
        return node.func.attr, [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
    return None
