"""Editable installs: distributions whose modules stay in a project folder.

Their `.pth` lines and import finders run only when `site` does, so what they point to is read instead:
`direct_url.json` (https://packaging.python.org/en/latest/specifications/direct-url-data-structure/) and the files that
hatchling, setuptools, flit, poetry and pdm leave in the site folder.
"""

from __future__ import annotations

import ast
import hashlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SKIPPED = frozenset({"__pycache__", "node_modules"})


def package_files(folder: Path, _above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Walk a package's folder in sorted order, leaving out what is hidden (`.git`, `.env`) and bytecode."""
    above = (*_above, folder.resolve())
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        if not entry.is_dir():
            yield entry
        elif entry.resolve() not in above:  # a link to a folder further up has no end
            yield from package_files(entry, above)


@dataclass(frozen=True)
class Editable:
    """A project folder and the ways in which its modules become importable."""

    project: str
    folders: tuple[str, ...] = ()
    """Folders that a `.pth` file puts on `sys.path`."""
    modules: dict[str, str] = field(default_factory=dict)
    """Import name → the path of its package, or of its file without the suffix."""
    declared: tuple[str, ...] = ()
    """The top-level names that the distribution says it has."""

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Editable:
        """Read it back from the JSON of `dataclasses.asdict`."""
        return cls(raw["project"], tuple(raw["folders"]), dict(raw["modules"]), tuple(raw["declared"]))

    def sources(self) -> Mapping[str, Path]:
        """Map each path relative to a folder of `sys.path` (`pkg`, `one.py`, `space/pkg`) to where it is."""
        found: dict[str, Path] = {}
        for module, location in self.modules.items():
            place = Path(location)
            for path in (place, *place.parent.glob(f"{place.name}.*")):
                if path.is_dir() or (path.is_file() and _is_module(path)):
                    found[module.replace(".", "/") + "".join(path.suffixes) * path.is_file()] = path
        for folder in self.folders:
            for path in sorted(Path(folder).iterdir()):
                if self._offers(folder, path):
                    found.setdefault(path.name, path)
        return found

    def _offers(self, folder: str, path: Path) -> bool:
        """Whether an entry of a `.pth` folder is a module of this project, and not a file that happens to lie there."""
        name = path.name.split(".")[0]
        if name in self.declared:
            return path.is_dir() or _is_module(path)
        if not name.isidentifier() or path.name.endswith("-info"):
            return False
        if folder == self.project:
            return (path / "__init__.py").is_file()
        return (path.is_dir() and name not in _SKIPPED) or _is_module(path)

    def provides(self, file: str) -> bool:
        """Whether a module's file (absolute) is one of this project's."""
        if any(file.startswith((path + "/", path + ".")) for path in self.modules.values()):
            return True
        for folder in self.folders:
            if file.startswith(folder + "/"):
                top = Path(folder, file[len(folder) + 1 :].split("/")[0])
                if self._offers(folder, top):
                    return True
        return False

    def fingerprint(self) -> str:
        """Digest the project's modules: an edit makes another version of the service."""
        digest = hashlib.sha256()
        for name, path in sorted(self.sources().items()):
            for file in package_files(path) if path.is_dir() else (path,):
                inside = file.relative_to(path).as_posix() if path.is_dir() else ""
                digest.update(f"{name}/{inside}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:12]


def _is_module(path: Path) -> bool:
    return path.suffix in (".py", ".so") and path.is_file()


def direct_url(metadata: Path) -> dict[str, Any]:
    """Read what an installer noted about a distribution that did not come from an index; empty when it did."""
    try:
        raw = json.loads((metadata / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}


def read_editable(metadata: Path) -> Editable | None:
    """Read how the distribution described by `metadata` is linked to its project; None for an ordinary install."""
    url = direct_url(metadata)
    if not url.get("dir_info", {}).get("editable"):
        return None
    project = urllib.request.url2pathname(urllib.parse.urlsplit(url["url"]).path).rstrip("/")
    record = (metadata / "RECORD").read_text(encoding="utf-8", errors="replace")
    tops = {line.split(",")[0] for line in record.splitlines() if "/" not in line.split(",")[0]}
    folders: list[str] = []
    modules: dict[str, str] = {}
    for top in sorted(tops):
        file = metadata.parent / top
        if top.endswith(".pth"):
            folders += _folders_of(file)
        elif top.endswith("_finder.py"):
            modules.update(_mapping_of(file))
    try:
        declared = tuple((metadata / "top_level.txt").read_text(encoding="utf-8").split())
    except OSError:
        declared = (metadata.name.split("-")[0].lower(),)
    return Editable(project, tuple(folders), modules, declared)


def _folders_of(pth: Path) -> list[str]:
    """Read the folders that a `.pth` file names; its `import` lines are code, and are left out."""
    lines = [line.strip() for line in pth.read_text(encoding="utf-8").splitlines()]
    named = [line for line in lines if line and not line.startswith(("#", "import ", "import\t"))]
    return [str(pth.parent / line).rstrip("/") for line in named if (pth.parent / line).is_dir()]


def _mapping_of(finder: Path) -> dict[str, str]:
    """Read the table in the import finder that setuptools generates, without running it."""
    for statement in ast.parse(finder.read_text(encoding="utf-8")).body:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        if any(isinstance(target, ast.Name) and target.id == "MAPPING" for target in targets):
            mapping = ast.literal_eval(statement.value)  # type: ignore[attr-defined]  # an assignment, by its target
            return {str(name): str(path) for name, path in mapping.items()}
    return {}
