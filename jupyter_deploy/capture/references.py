"""The names that code really uses, read from its compiled form.

Bytecode, not text: it knows which names are local, which are free and which are looked up among the globals.
"""

from __future__ import annotations

import ast
import dataclasses
import dis
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import chain
from types import CodeType

_STORES = frozenset({"STORE_NAME", "STORE_GLOBAL"})
_QUERIED = re.compile(r"@(\w+)")
_LOADS_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_CLASSDEREF"})


@dataclass(frozen=True)
class References:
    """What a piece of code refers to."""

    now: frozenset[str]
    """Global names that are read when the statement itself runs: decorators, defaults, bases, class bodies."""
    later: frozenset[str]
    """Global names that are read when the functions in it are called."""
    imports: frozenset[str]
    """Modules that are imported inside functions or class bodies."""
    writes: frozenset[str]
    """Globals that functions in it assign (`global counter; counter += 1`) or change in place (`cache[key] = 1`)."""
    once: frozenset[str]
    """Those of `writes` that it sets only where they are not set yet: `if model is None: model = load()`."""
    mutators: frozenset[str]
    """Methods of the classes in it that change their object: `self.total += 1`."""
    attributes: frozenset[str]
    """Dotted uses of names: `sklearn.metrics.f1_score`."""
    members: frozenset[str]
    """The attributes that it uses, of whatever object."""
    texts: frozenset[str]
    """The text constants in it."""
    variables: frozenset[str]
    """Environment variables that it reads by name: `os.environ["REGION"]`, `os.getenv("REGION")`."""

    @property
    def names(self) -> frozenset[str]:
        """All global names it reads."""
        return self.now | self.later

    def with_queried(self, known: Container[str]) -> References:
        """Add the names that pandas looks up in text: `frame.query("price > @limit")`."""
        if not any(use.rpartition(".")[2] in ("query", "eval") for use in self.attributes):
            return self
        queried = {name for text in self.texts for name in _QUERIED.findall(text) if name in known}
        return dataclasses.replace(self, later=self.later | queried)


def references_of(node: ast.stmt | ast.expr, *, flags: int = 0) -> References:
    """Read the references of one statement or expression as if it stood at the top of a module."""
    if isinstance(node, ast.expr):
        code = compile(ast.Expression(node), "<slice>", "eval", flags=flags, dont_inherit=True)
    else:
        code = compile(
            ast.Module([node], []), "<slice>", "exec", flags=flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
        )
    now: set[str] = set()
    later: set[str] = set()
    imports: set[str] = set()
    writes: set[str] = set()
    for part, runs_now in _parts(code, runs_now=True):
        loads, stores, modules = _read_code(part)
        if runs_now:
            # Every class body begins by reading its module's name.
            now |= loads if part is code else loads - stores - {"__name__"}
        else:
            later |= loads
            writes |= stores
        imports |= modules
    if flags & _future_annotations():
        later |= _annotation_names(node)
    in_place = changed_in_place(node)
    writes |= in_place & (now | later)
    if isinstance(node, ast.ClassDef) and "cls" in in_place:
        writes.add(node.name)
    return References(
        frozenset(now),
        frozenset(later),
        frozenset(imports),
        frozenset(writes),
        frozenset(writes & (_set_once(node) - in_place)),
        frozenset(_mutators(node)),
        frozenset(_dotted(node)),
        frozenset(child.attr for child in ast.walk(node) if isinstance(child, ast.Attribute)),
        frozenset(_texts(node)),
        frozenset(_variables(node)),
    )


_CHANGING_METHODS = frozenset(
    {
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
        "appendleft",
        "sort",
        "reverse",
        "partial_fit",
        "fit",
    }
)


def changed_in_place(node: ast.AST) -> set[str]:
    """Give the names whose value is changed by a store into it or by a method that is known to change it."""
    changed = set()
    for child in ast.walk(node):
        match child:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                changed.add(_root(child))
            case ast.Call(func=ast.Attribute(attr=method) as called) if method in _CHANGING_METHODS:
                changed.add(_root(called))
    return changed


def _mutators(node: ast.AST) -> Iterator[str]:
    bodies = [child.body for child in ast.walk(node) if isinstance(child, ast.ClassDef)]
    for method in chain.from_iterable(bodies):
        if not isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if {argument.arg for argument in method.args.args[:1]} & changed_in_place(method):
            yield method.name


def _set_once(node: ast.AST) -> set[str]:
    """Give the names that are assigned only where they are known to be None or empty."""
    guarded: set[ast.Name] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.If) and (name := _missing_name(child.test)):
            stores = (one for statement in child.body for one in _stores(statement))
            guarded |= {one for one in stores if one.id == name}
    return {one.id for one in guarded} - {one.id for one in _stores(node) if one not in guarded}


def _stores(node: ast.AST) -> Iterator[ast.Name]:
    return (one for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))


def _missing_name(test: ast.expr) -> str | None:
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
            return name
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
            return name
    return None


def _root(node: ast.AST) -> str:
    """Give the name at the beginning of `name.a[0].b`; "cls" where it is the class of an object."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute) and node.attr == "__class__":
            return "cls"
        node = node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type":
        return "cls"
    return node.id if isinstance(node, ast.Name) else ""


def _dotted(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        parts = []
        while isinstance(child, ast.Attribute):
            parts.append(child.attr)
            child = child.value
        if parts and isinstance(child, ast.Name):
            yield ".".join([child.id, *reversed(parts)])


def _texts(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value


def _variables(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        match child:
            case ast.Subscript(value=read, slice=ast.Constant(value=str(name))) if _last_name(read) == "environ":
                yield name
            case ast.Call(func=ast.Attribute(value=read, attr="get"), args=[ast.Constant(value=str(name)), *_]) if (
                _last_name(read) == "environ"
            ):
                yield name
            case ast.Call(func=read, args=[ast.Constant(value=str(name)), *_]) if _last_name(read) == "getenv":
                yield name


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _future_annotations() -> int:
    import __future__

    return __future__.annotations.compiler_flag


def _annotation_names(node: ast.AST) -> set[str]:
    """Names in annotations that are kept as text: nobody has to evaluate them, but documentation tools may."""
    annotations = [
        annotation
        for child in ast.walk(node)
        for annotation in (getattr(child, "annotation", None), getattr(child, "returns", None))
        if isinstance(annotation, ast.AST)
    ]
    return {name.id for annotation in annotations for name in ast.walk(annotation) if isinstance(name, ast.Name)}


def _parts(code: CodeType, *, runs_now: bool) -> Iterator[tuple[CodeType, bool]]:
    """Walk a code object and all that is nested in it, and say which parts run when the statement runs."""
    yield code, runs_now
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant, runs_now=runs_now and _runs_at_once(constant))


def _runs_at_once(code: CodeType) -> bool:
    """Class bodies and comprehensions run where they stand; functions and lambdas run when they are called."""
    is_function = bool(code.co_flags & 0x2)  # CO_NEWLOCALS: set for functions, not for class bodies
    return not is_function or code.co_name in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "__annotate__")


def _read_code(code: CodeType) -> tuple[set[str], set[str], set[str]]:
    loads: set[str] = set()
    stores: set[str] = set()
    modules: set[str] = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in _LOADS_GLOBAL:
            loads.add(instruction.argval)
        elif instruction.opname in _STORES:
            stores.add(instruction.argval)
        elif instruction.opname == "IMPORT_NAME":
            modules.add(instruction.argval)
    return loads, stores, modules
