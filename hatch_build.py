"""Lets an install go through on a machine without Node: there is no panel then, and all else works."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PANEL = Path(__file__).parent / "jupyter_deploy" / "labextension"

# All hooks are loaded before the first one runs: what is said here reaches the one that builds the panel. A hook of
# pre-commit, for instance, is installed from the repository, on machines that have never heard of Node.
if shutil.which("node") is None and not (_PANEL / "static" / "style.js").exists():
    os.environ.setdefault("SKIP_JUPYTER_BUILDER", "1")
    sys.stderr.write("nbdeploy: there is no Node, so JupyterLab's panel is left out; all else works without it\n")


class FrontEndFolder(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the folder of the built panel when nothing was built: a wheel's shared data must exist."""

    def initialize(self, version: str, _: dict[str, Any]) -> None:
        """Make it, for editable installs and where there is no Node: else `ensured-targets` wants the panel itself."""
        folder = Path(self.root, "jupyter_deploy", "labextension")
        if version == "editable" or "SKIP_JUPYTER_BUILDER" in os.environ:
            folder.mkdir(exist_ok=True)
        # A copy that an earlier install left here would be in the wheel twice: pyproject.toml names the original.
        (folder / "install.json").unlink(missing_ok=True)
