"""Whether an imported module is still what its file says."""

from __future__ import annotations

import ast
import inspect
import marshal
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_TOP_LEVEL = "its top-level code"


def edited_names(module: ModuleType) -> tuple[str, ...]:
    """Name what the kernel has otherwise than the module's file: functions, constants, or the top-level code.

    Empty when they agree, and when there is no source to compare with.
    """
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return ()
    try:
        source = Path(file).read_bytes()
        tree = ast.parse(source)
        code = compile(source, file, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return (_TOP_LEVEL,)
    names = {*_edited_functions(module, file, code), *_edited_constants(module, tree)}
    if names:
        return tuple(sorted(names))
    return (_TOP_LEVEL,) if _compiled_from_another(module, file, code) else ()


def _edited_functions(module: ModuleType, file: str, code: CodeType) -> Iterator[str]:
    written = dict(_codes(code, ""))
    for function in _functions(vars(module)):
        name = function.__qualname__
        if function.__code__.co_filename != file or "<" in name:
            continue
        if name not in written or not _same(function.__code__, written[name]):
            yield name


def _functions(namespace: Mapping[str, Any]) -> Iterator[FunctionType]:
    for value in list(namespace.values()):
        if isinstance(value, FunctionType):
            yield value
        elif isinstance(value, (staticmethod, classmethod)) and isinstance(value.__func__, FunctionType):
            yield value.__func__
        elif inspect.isclass(value) and value.__module__ == namespace.get("__name__"):
            yield from _functions({name: one for name, one in vars(value).items() if not inspect.isclass(one)})


def _codes(code: CodeType, prefix: str) -> Iterator[tuple[str, CodeType]]:
    """Give the code of each function and method by its qualified name; of two with one name the last counts."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and not constant.co_name.startswith("<"):
            yield prefix + constant.co_name, constant
            yield from _codes(constant, f"{prefix}{constant.co_name}.")


def _same(one: CodeType, other: CodeType) -> bool:
    """Whether two codes do the same: where their lines are does not count."""
    if (one.co_code, one.co_names, one.co_varnames) != (other.co_code, other.co_names, other.co_varnames):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    return all(_same_constant(*pair) for pair in zip(one.co_consts, other.co_consts, strict=True))


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return _same(one, other)
    if isinstance(one, frozenset):  # has no order of its own
        return one == other
    return repr(one) == repr(other)


def _edited_constants(module: ModuleType, tree: ast.Module) -> Iterator[str]:
    """Name the plain constants, bound once and by no function, that have another value in the kernel."""
    rebound = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    stores = Counter(node.id for node in names if isinstance(node.ctx, ast.Store))
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        name, value = statement.targets[0].id, _scalar(statement.value)
        if value is None or name in rebound or stores[name] != 1 or name not in vars(module):
            continue
        if repr(value) != repr(vars(module)[name]):
            yield name


def _scalar(node: ast.expr) -> object:
    """Give the value of a literal that code does not change in place; None for anything else."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return value if isinstance(value, (bool, int, float, str, bytes, tuple)) else None


def _compiled_from_another(module: ModuleType, file: str, code: CodeType) -> bool:
    """Whether the bytecode that the import left behind is of another text than the file has now."""
    try:
        compiled = Path(getattr(module, "__cached__", None) or "").read_bytes()
        stat = Path(file).stat()
        flags, seconds, size = (int.from_bytes(compiled[start : start + 4], "little") for start in (4, 8, 12))
        if flags != 0 or (seconds, size) == (int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF):
            return False
        loaded = marshal.loads(compiled[16:])  # noqa: S302 - the import system's own file
    except (OSError, ValueError, EOFError, TypeError):
        return False
    return isinstance(loaded, CodeType) and not _same(loaded, code)
