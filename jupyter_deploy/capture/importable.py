"""Objects that anybody can import: under which module and name, and the import lines that say so."""

from __future__ import annotations

import ast
import importlib
import sys
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from jupyter_deploy.capture.bindings import Binding, StarImport
from jupyter_deploy.capture.literals import literal
from jupyter_deploy.capture.slice import Piece

WITHOUT_NOTEBOOK = {
    ("tqdm.notebook", "tqdm"): ("tqdm", "tqdm"),
    ("tqdm.notebook", "trange"): ("tqdm", "trange"),
    ("tqdm", "tqdm_notebook"): ("tqdm", "tqdm"),
    ("tqdm", "tnrange"): ("tqdm", "trange"),
}
"""What draws in a notebook and fails elsewhere, with what does the same without one."""


def module_piece(name: str, module: types.ModuleType, reason: str) -> Piece:
    """Write the import of a module that the notebook calls `name`."""
    full = module.__name__
    return Piece(name, "import", f"import {full}" if name == full else f"import {full} as {name}", reason)


def attribute_piece(name: str, module: str, attribute: str, reason: str) -> Piece:
    """Write the import of `module.attribute` (which may be dotted) under `name`."""
    top, _, rest = attribute.partition(".")
    if rest:
        text = f"from {module} import {top} as _{name}_home\n{name} = _{name}_home.{rest}"
    else:
        text = f"from {module} import {top}" + ("" if top == name else f" as {name}")
    return Piece(name, "import", text, reason)


def find_import(
    name: str, value: object, binding: Binding | None, stars: Sequence[StarImport]
) -> tuple[str, str] | None:
    """Give the module and attribute under which this very object can be imported.

    The notebook's own import line comes first, then its star imports, then what the object says of itself.
    """
    if binding is not None and isinstance(binding.statement, ast.ImportFrom) and binding.statement.module:
        for alias in binding.statement.names:
            if (alias.asname or alias.name) == name and _attribute(binding.statement.module, alias.name) is value:
                found = (binding.statement.module, alias.name)
                return WITHOUT_NOTEBOOK.get(found, found)
    for star in stars:
        if literal(value) is None and _attribute(star.module, name) is value:
            return star.module, name
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
        module, qualname = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if module and module not in ("__main__", "builtins") and _attribute(module, qualname) is value:
            return module, qualname
    return None


def submodule_pieces(
    pieces: Mapping[str, Piece], names: Mapping[str, Any], imported: Collection[str], dotted: Collection[str]
) -> Iterator[tuple[str, Piece]]:
    """Repeat `import package.module` lines that the code relies on by writing `package.module.name`.

    Parameters
    ----------
    pieces
        What the slice has so far.
    names
        The notebook's globals.
    imported
        Modules that the notebook imports.
    dotted
        Dotted uses of names in the slice's code.

    """
    for name, piece in pieces.items():
        module = names.get(name)
        if piece.kind != "import" or not isinstance(module, types.ModuleType):
            continue
        for full in sorted(imported):
            inner = full.removeprefix(module.__name__ + ".")
            used = inner != full and any(f"{use}.".startswith(f"{name}.{inner}.") for use in dotted)
            if used and full in sys.modules:
                key = "_" + full.replace(".", "_")
                text = f"import {full}" if name == full.partition(".")[0] else f"import {full} as {key}"
                yield full, Piece(key, "import", text, piece.reason)


def _attribute(module: str, path: str) -> object:
    """Look up `path` in a module, without importing a package that the kernel has not imported."""
    value: Any = sys.modules.get(module)
    if value is None and module.partition(".")[0] in sys.modules:
        try:
            value = importlib.import_module(module)
        except ImportError:
            return None
    for part in path.split("."):
        value = getattr(value, part, None)
    return value
