"""The user's own modules that a service imports: their files, and what they import in turn."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from jupyter_deploy.capture.editable import package_files
from jupyter_deploy.capture.edited import edited_names
from jupyter_deploy.capture.files import texts_at_import
from jupyter_deploy.capture.imports import Import, find_imports
from jupyter_deploy.capture.origin import Kind, Origin, Place, classify, find_place
from jupyter_deploy.capture.secrets import find_secret_bytes
from jupyter_deploy.errors import CaptureError

__all__ = ["LocalModules", "Origin", "classify", "collect_local"]

RESERVED = ("runtime", "service")
"""Modules of every bundle."""
LARGEST = 10_000_000
"""Bytes of a data file that still travels with its package."""
MOST = 50_000_000
"""Bytes of all such data files of a package together."""


@dataclass(frozen=True)
class LocalModules:
    """What goes into a bundle's `modules/`, and what it needs around it."""

    files: Mapping[str, bytes]
    """Path relative to the folder of `sys.path` (`pkg/__init__.py`) → content."""
    imports: Mapping[str, str]
    """Every module of a distribution (or missing) that they import → where they do."""
    warnings: tuple[str, ...] = ()
    texts: frozenset[str] = frozenset()
    """What may name the files that they read while they are imported."""

    def place_data(self, data: Mapping[str, bytes]) -> LocalModules:
        """Put data files beside the modules as well, if one of these looks for files where it lies itself."""
        if any(b"__file__" in source for path, source in self.files.items() if path.endswith(".py")):
            return replace(self, files=MappingProxyType(dict(sorted({**data, **self.files}.items()))))
        return self


def collect_local(modules: Mapping[str, str], *, cache: Path | None = None) -> LocalModules:
    """Collect the local ones among `modules` (name → reason), with the local modules that they import in turn.

    A package is taken whole, with its data files; of a namespace package only what is imported. Imports are followed
    from one imported module to the next, so those of a package's unused corners do not count. `cache` is the folder
    that keeps the index of installed distributions.

    Raises
    ------
    CaptureError
        When a module's file is gone, is not Python or holds a credential, or its name is one that every bundle uses
        itself.

    """
    collector = _Collector(cache)
    for module, reason in sorted(modules.items()):
        if collector.kind(module) == "local":
            collector.add(module, reason)
    collector.follow()
    _check_secrets(collector.files)
    return LocalModules(
        files=MappingProxyType(dict(sorted(collector.files.items()))),
        imports=MappingProxyType(dict(sorted(collector.imports.items()))),
        warnings=tuple(dict.fromkeys(collector.warnings)),
        texts=frozenset(collector.texts),
    )


def _check_secrets(files: Mapping[str, bytes]) -> None:
    for path, data in sorted(files.items()):
        found = None if path.endswith(".so") else find_secret_bytes(data)
        if found is not None:
            raise CaptureError(
                f"{path} would travel with the service and holds what looks like a credential ({found.shown})",
                where=f"{path}, line {found.line}",
                advice="read it from os.environ there, and set it where the service runs",
            )


@dataclass
class _Collector:
    cache: Path | None
    files: dict[str, bytes] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _kinds: dict[str, Kind] = field(default_factory=dict)
    _queue: deque[tuple[str, str]] = field(default_factory=deque)

    def kind(self, module: str) -> Kind:
        if module not in self._kinds:
            self._kinds[module] = classify(module, cache=self.cache).kind
        return self._kinds[module]

    def add(self, module: str, reason: str) -> None:
        """Queue a local module and the packages it is in, whose `__init__.py` run before it."""
        parts = module.split(".")
        if parts[0] in RESERVED:
            raise CaptureError(
                f"the module {parts[0]} cannot be packaged: every bundle has a module of that name itself",
                where=reason,
                advice=f"rename {parts[0]}.py (to my_{parts[0]}.py, say) and import it by the new name",
            )
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            if name not in self._seen:
                self._seen.add(name)
                self._queue.append((name, reason))

    def follow(self) -> None:
        """Take the queued modules in, and what they import."""
        while self._queue:
            module, reason = self._queue.popleft()
            place = find_place(module)
            if place is None or place.file is None:  # a namespace package, or made by the package above
                continue
            path = self._take(module, Path(place.file), place, reason)
            if not path.endswith(".py"):
                continue
            self._check_loaded(module, path)
            for one in self._imports_of(module, path, package=bool(place.folders)):
                self._import(one, path)
            self.texts |= texts_at_import(self.files[path])

    def _take(self, module: str, file: Path, place: Place, reason: str) -> str:
        """Take a module's file, and if it is a package everything in it; give the file's path in the bundle."""
        inside = module.replace(".", "/")
        try:
            if place.folders:
                if f"{inside}/{file.name}" not in self.files:
                    self._take_folder(file.parent, inside)
                return f"{inside}/{file.name}"
            path = f"{inside}{''.join(file.suffixes) if file.suffix != '.py' else '.py'}"
            self.files.setdefault(path, file.read_bytes())
        except OSError as error:
            raise CaptureError(
                f"the file of the module {module} cannot be read: {error}",
                where=reason,
                advice="put the file back, or define in the notebook what you use from it",
            ) from error
        return path

    def _take_folder(self, folder: Path, inside: str) -> None:
        files = [file for file in package_files(folder) if file.suffix != ".ipynb"]
        data = {file: file.stat().st_size for file in files if file.suffix not in (".py", ".so")}
        large = {file for file, size in data.items() if size > LARGEST}
        for file in sorted(large):
            path = f"{inside}/{file.relative_to(folder).as_posix()}"
            self.warnings.append(
                f"{path} ({data[file] / 1e6:.0f} MB) is left out: data files of local packages travel "
                f"up to {LARGEST / 1e6:.0f} MB"
            )
        rest = sum(size for file, size in data.items() if file not in large)
        if rest > MOST:
            self.warnings.append(
                f"the data files of {inside} ({rest / 1e6:.0f} MB) are left out: together they travel "
                f"up to {MOST / 1e6:.0f} MB; move them out of the package and read them as state"
            )
            large = set(data)
        for file in files:
            if file not in large:
                self.files[f"{inside}/{file.relative_to(folder).as_posix()}"] = file.read_bytes()

    def _check_loaded(self, module: str, path: str) -> None:
        loaded = sys.modules.get(module)
        names = edited_names(loaded) if loaded is not None else ()
        if names:
            self.warnings.append(
                f"{path} is not what the kernel imported ({', '.join(names)}): the service gets the file as it is now; "
                f"importlib.reload({module}) shows in the notebook what that answers"
            )

    def _imports_of(self, module: str, path: str, *, package: bool) -> tuple[Import, ...]:
        try:
            return find_imports(self.files[path], module, package=package)
        except (SyntaxError, ValueError) as error:
            raise CaptureError(
                f"the local module {module} is not Python: {error}",
                where=path,
                advice="correct the file and import it again",
            ) from error

    def _import(self, one: Import, path: str) -> None:
        reason = f"{path} line {one.line} imports it"
        for module in self._targets(one):
            kind = self.kind(module)
            if kind == "local":
                self.add(module, reason)
            elif kind == "distribution" or (kind == "missing" and not one.optional):
                self.imports.setdefault(module, reason)

    def _targets(self, one: Import) -> Iterator[str]:
        """Give the modules that an import statement loads: what is taken out of a package may be a module."""
        place = find_place(one.module)
        deep = place is not None and place.folders and (place.namespace or self.kind(one.module) == "local")
        inner = [f"{one.module}.{name}" for name in one.names if deep and name != "*"]
        inner = [name for name in inner if find_place(name) is not None]
        yield from inner
        if len(inner) < len(one.names) or not inner:
            yield one.module
