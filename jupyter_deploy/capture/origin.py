"""Where a module comes from: the standard library, an installed distribution, or a file of the user's own."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jupyter_deploy.capture.installed import Index, Installed, installed, standard_folders

Kind = Literal["stdlib", "distribution", "local", "builtin", "main", "missing"]


@dataclass(frozen=True)
class Origin:
    """Where a module comes from.

    `local` is a file or a folder that belongs to no distribution and not to the standard library; `missing` is one that
    the kernel cannot find.
    """

    kind: Kind
    distributions: tuple[Installed, ...] = ()
    """More than one when they share the module: a namespace package, or two wheels that wrote the same file."""
    file: str | None = None
    """Absolute; None for a namespace package and for what has no file."""

    @property
    def distribution(self) -> str | None:
        """The canonical name of the (first) distribution."""
        return self.distributions[0].name if self.distributions else None


@dataclass(frozen=True)
class Place:
    """What the import system says about a module: its file, and the folders of its submodules if it is a package."""

    file: str | None
    folders: tuple[str, ...]

    @property
    def namespace(self) -> bool:
        """Whether it is a package without `__init__.py`."""
        return self.file is None and bool(self.folders)


def find_place(module: str) -> Place | None:
    """Find a module, loaded or not, without importing anything; None when the kernel cannot import it.

    A module that code made (`six.moves`) has a place without file and folders.
    """
    loaded = sys.modules.get(module)
    if loaded is not None:
        return _place_of(getattr(loaded, "__file__", None), getattr(loaded, "__path__", ()))
    parent = module.rpartition(".")[0]
    folders: tuple[str, ...] | None = None
    if parent:
        above = find_place(parent)
        if above is None or not above.folders:
            return None
        folders = above.folders
    spec = _find_spec(module, folders)
    if spec is None:
        inside = [f"{folder}/{module.rpartition('.')[2]}" for folder in folders or ()]
        spaces = tuple(folder for folder in inside if os.path.isdir(folder))  # noqa: PTH112 - text, like the rest
        return Place(None, spaces) if spaces else None
    return _place_of(spec.origin if spec.has_location else None, spec.submodule_search_locations or ())


def _find_spec(module: str, folders: tuple[str, ...] | None) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(module, folders)
        except (AttributeError, ImportError, ValueError, KeyError):
            continue  # a finder of somebody else's that cannot say, or a namespace inside one that is not loaded
        if spec is not None:
            return spec
    return None


def _place_of(file: object, folders: Any) -> Place:
    try:
        paths = tuple(os.path.abspath(folder) for folder in folders if isinstance(folder, str))  # noqa: PTH100 - keeps links
    except TypeError:
        paths = ()
    if not isinstance(file, str):
        return Place(None, paths)
    source = file[:-1] if file.endswith(".pyc") and Path(file[:-1]).parent.name != "__pycache__" else file
    return Place(os.path.abspath(source), paths)  # noqa: PTH100 - keeps links, as sys.path does


def classify(module: str, *, cache: Path | None = None) -> Origin:
    """Say where a module (dotted) comes from, as the running kernel would import it.

    `cache` is a folder that keeps the index of installed distributions between processes.
    """
    top = module.partition(".")[0]
    if top in ("__main__", "__mp_main__"):
        return Origin("main")
    if module in sys.builtin_module_names:
        return Origin("builtin")
    if top in sys.stdlib_module_names and top not in sys.modules:
        return Origin("stdlib")  # not looked for: setuptools has itself imported when asked for distutils
    place = find_place(module)
    if place is None or (place.file is None and not place.folders):
        return _classify_above(module, cache)
    if top in sys.stdlib_module_names and _is_standard(place):
        return Origin("stdlib", file=place.file)
    index = installed(cache)
    owners = index.owners(place.file) if place.file is not None else _owners_of_namespace(module, place, index)
    if owners:
        return Origin("distribution", owners, place.file)
    return Origin("stdlib" if _is_standard(place) else "local", file=place.file)


def _classify_above(module: str, cache: Path | None) -> Origin:
    """Classify a module without a file by the package that makes it; in a namespace package it is missing."""
    parent = module.rpartition(".")[0]
    if module.partition(".")[0] in sys.stdlib_module_names:
        return Origin("stdlib")
    if not parent:
        return Origin("missing")
    above = classify(parent, cache=cache)
    return above if above.file is not None else Origin("missing")


def _is_standard(place: Place) -> bool:
    for path in (place.file, *place.folders):
        if path is None or "site-packages" in path or "dist-packages" in path:
            continue
        if path.startswith(tuple(folder + "/" for folder in standard_folders())):
            return True
    return place.file is None and not place.folders


def _owners_of_namespace(module: str, place: Place, index: Index) -> tuple[Installed, ...]:
    """Give the distributions of a namespace package's loaded modules; if none is loaded, of all that share it."""
    inside = sorted(name for name in sys.modules if name.startswith(module + "."))
    files = [getattr(sys.modules[name], "__file__", None) for name in inside]
    loaded = [owner for file in files if isinstance(file, str) for owner in index.owners(file)]
    return tuple(dict.fromkeys(loaded)) or tuple(one for folder in place.folders for one in index.sharing(folder))
