"""Call expressions of executed cells, and which of their arguments can be evaluated again without side effects."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from typing import Any

_PURE_BUILTINS = frozenset(
    {
        "dict",
        "list",
        "tuple",
        "set",
        "frozenset",
        "str",
        "int",
        "float",
        "bool",
        "bytes",
        "range",
        "len",
        "min",
        "max",
        "sum",
        "abs",
        "round",
        "sorted",
        "reversed",
        "zip",
        "enumerate",
    }
)
_PURE_METHODS = frozenset(
    {
        "head",
        "tail",
        "to_frame",
        "to_dict",
        "reset_index",
        "drop",
        "copy",
        "astype",
        "reshape",
        "to_numpy",
        "unsqueeze",
        "squeeze",
        "tolist",
        "transpose",
        "dropna",
        "fillna",
        "assign",
        "float",
        "double",
        "long",
        "get",
        "keys",
        "values",
        "items",
        "split",
        "strip",
        "lower",
        "upper",
        "format",
        "join",
        "select_dtypes",
        "query",
        "sort_values",
        "nlargest",
        "nsmallest",
        "item",
        "numpy",
        "cpu",
        "detach",
        "flatten",
        "ravel",
        "view",
        "sample",
        "iterrows",
    }
)
_PURE_MODULES = ("pandas", "numpy", "torch", "datetime", "decimal", "uuid", "polars")
_PURE_NODES = (
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Call,
    ast.keyword,
    ast.Starred,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)


def calls_in(tree: ast.AST, callee: str) -> Iterator[ast.Call]:
    """Find the calls of `callee` (`predict`, `model.predict`) that a cell itself makes, not its functions."""
    for node in _own_nodes(tree):
        if isinstance(node, ast.Call) and _dotted_name(node.func) == callee:
            yield node


def fits_in(tree: ast.AST, model: str) -> Iterator[ast.Call]:
    """Find the calls of `model.fit`, and of any `.fit` in an assignment to `model`."""
    yield from calls_in(tree, f"{model}.fit")
    for node in _own_nodes(tree):
        if isinstance(node, ast.Assign) and any(_dotted_name(target) == model for target in node.targets):
            yield from (
                call
                for call in ast.walk(node.value)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "fit"
            )


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield child
            yield from _own_nodes(child)


def _dotted_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def is_safe(node: ast.AST, names: Mapping[str, Any]) -> bool:
    """Whether evaluating an expression again only builds a value: no input, file, network or iterator is touched."""
    if not isinstance(node, _PURE_NODES):
        return False
    if isinstance(node, ast.Name):
        return node.id in names or hasattr(builtins, node.id)
    if isinstance(node, ast.Call) and not _is_pure_callee(node.func, names):
        return False
    return all(is_safe(child, names) for child in ast.iter_child_nodes(node))


def _is_pure_callee(node: ast.expr, names: Mapping[str, Any]) -> bool:
    if isinstance(node, ast.Name):
        value = names.get(node.id, getattr(builtins, node.id, None))
        if node.id in _PURE_BUILTINS and value is getattr(builtins, node.id):
            return True
        module = str(getattr(value, "__module__", "")).partition(".")[0]
        return isinstance(value, type) and module in ("__main__", *_PURE_MODULES)
    if isinstance(node, ast.Attribute):
        root = _dotted_name(node).partition(".")[0]
        module = getattr(names.get(root), "__name__", "") if root else ""
        return node.attr in _PURE_METHODS or module.partition(".")[0] in _PURE_MODULES
    return False


def evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Evaluate an expression among the notebook's globals."""
    code = compile(ast.fix_missing_locations(ast.Expression(node)), "<golden call>", "eval")
    return eval(code, dict(names))  # noqa: S307 - the author's own expression, in the author's own kernel


def evaluate_arguments(call: ast.Call, names: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Evaluate the arguments of a call expression, `*` and `**` included."""

    def gather(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, kwargs

    name = "__nbdeploy_gather__"
    gathering = ast.Call(ast.copy_location(ast.Name(name, ast.Load()), call), call.args, call.keywords)
    result: tuple[tuple[Any, ...], dict[str, Any]] = evaluate(
        ast.copy_location(gathering, call), {**names, name: gather}
    )
    return result
