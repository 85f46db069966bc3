"""What a bundle runs on: an interpreter and the folders that hold exactly its distributions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from jupyter_deploy.errors import BundleError


@dataclass(frozen=True)
class Environment:
    """An interpreter with the folders that a worker puts on `sys.path` after the standard library."""

    kind: Literal["carved", "installed"]
    python: str
    """The path of the interpreter."""
    paths: tuple[str, ...]

    def command(self, bundle: Path) -> list[str]:
        """Give the start of the worker's command: isolated from user settings (`-I`) and from site folders (`-S`)."""
        return [self.python, "-I", "-S", str(bundle / "runtime" / "__main__.py")]

    def dump(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {**asdict(self), "paths": list(self.paths)}

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Environment:
        """Read it back from the JSON object (raises `BundleError` when it is none)."""
        try:
            kind, python, paths = raw["kind"], raw["python"], raw["paths"]
        except (KeyError, TypeError) as error:
            raise BundleError(f"not an environment: {raw!r} (no {error})") from error
        if kind not in ("carved", "installed"):
            raise BundleError(f"an environment is 'carved' or 'installed', not {kind!r}")
        return cls(kind, str(python), tuple(str(path) for path in paths))
