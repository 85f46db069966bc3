"""Device calls in a service's code: `.cuda()`, `device="cuda"`, `tree_method="gpu_hist"`, found in its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_deploy.hardware.facts import read_facts


@dataclass(frozen=True)
class DeviceCall:
    """A place in the code that asks for a GPU, or asks whether there is one."""

    text: str
    """The expression as it stands in the code."""
    line: int
    guarded: bool = False
    """It stands in a statement that asks first whether there is a GPU."""


def find_calls(source: str) -> tuple[DeviceCall, ...]:
    """Find the device calls of a module, by line; none in code that cannot be parsed."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ()
    found = []
    asks = _asks_anywhere(tree)
    for statement in tree.body:
        guarded = _asks(statement) or bool(_names(statement) & asks)
        found += [DeviceCall(text, line, guarded) for text, line in _walk(statement)]
    return tuple(sorted(dict.fromkeys(found), key=lambda call: (call.line, call.text)))


def _asks_anywhere(tree: ast.Module) -> frozenset[str]:
    """Name what the module sets at its top level after asking for a GPU: `device = "cuda" if … else "cpu"`."""
    return frozenset(target.id for statement in tree.body if isinstance(statement, ast.Assign) and _asks(statement)
                     for target in statement.targets if isinstance(target, ast.Name))


def _names(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _asks(statement: ast.stmt) -> bool:
    guards: list[str] = read_facts("frameworks")["guards"]
    return any(isinstance(node, ast.Attribute) and ast.unparse(node).endswith(tuple(guards))
               for node in ast.walk(statement))


def _walk(statement: ast.stmt) -> Iterator[tuple[str, int]]:
    for node in ast.walk(statement):
        match node:
            case ast.Call():
                yield from _of_call(node)
            case ast.Dict():
                yield from _of_dict(node)
            case ast.Assign(value=ast.Constant() as value) if _is_device(value, exact=True):
                yield ast.unparse(node), node.lineno
            case ast.IfExp() if any(_is_device(one, exact=True) for one in (node.body, node.orelse)):
                yield ast.unparse(node), node.lineno


def _of_call(node: ast.Call) -> Iterator[tuple[str, int]]:
    facts = read_facts("frameworks")
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if isinstance(node.func, ast.Attribute) and called in facts["call_methods"]:
        yield f".{called}()", node.lineno
    if called in facts["functions"] and any(_names_device(one) for one in node.args):
        yield _shorten(node), node.lineno
    for keyword in node.keywords:
        if keyword.arg in facts["keywords"] and _names_device(keyword.value):
            yield f"{keyword.arg}={ast.unparse(keyword.value)}", keyword.value.lineno


def _of_dict(node: ast.Dict) -> Iterator[tuple[str, int]]:
    keywords = read_facts("frameworks")["keywords"]
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value in keywords and _names_device(value):
            yield f"{ast.unparse(key)}: {ast.unparse(value)}", value.lineno


def _names_device(node: ast.expr) -> bool:
    """Whether an argument names a GPU: as text, or as a text in a list of texts."""
    return any(_is_device(one) for one in (node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]))


def _is_device(node: ast.expr, *, exact: bool = False) -> bool:
    """Whether a text names a GPU; `exact`: where nothing around it says that it means a device, only `cuda` does."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    pattern = r"cuda(:\d+)?" if exact else read_facts("frameworks")["device_names"]
    return re.fullmatch(pattern, node.value) is not None


def _shorten(node: ast.Call) -> str:
    name = f".{node.func.attr}" if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    return f"{name}({', '.join(ast.unparse(one) for one in node.args)})"
