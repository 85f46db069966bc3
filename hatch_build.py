"""Lets an editable install go through on a machine without Node: there is no panel then, and all else works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndFolder(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the folder of the built panel when nothing could be built: a wheel's shared data must exist."""

    def initialize(self, version: str, _: dict[str, Any]) -> None:
        """Make it, for editable installs only: a wheel to be shipped has the panel in it (`ensured-targets`)."""
        folder = Path(self.root, "jupyter_deploy", "labextension")
        if version == "editable":
            folder.mkdir(exist_ok=True)
        # A copy that an earlier install left here would be in the wheel twice: pyproject.toml names the original.
        (folder / "install.json").unlink(missing_ok=True)
