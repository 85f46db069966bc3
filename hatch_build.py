"""Lets an editable install go through on a machine without Node: there is no panel then, and all else works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndFolder(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the folder of the built panel when nothing could be built: a wheel's shared data must exist."""

    def initialize(self, version: str, _: dict[str, Any]) -> None:
        """Make it, for editable installs only: a wheel to be shipped has the panel in it (`ensured-targets`)."""
        if version == "editable":
            Path(self.root, "jupyter_deploy", "labextension").mkdir(exist_ok=True)
