"""Terminal output in the documentation, compared with what really comes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read_blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return [(match[1], match[2]) for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def normalise(text: str, *, exact: bool = False) -> list[str]:
    """The lines without what differs from run to run: versions, folders, white space and, unless `exact`, numbers."""
    text = re.sub(r"\b[0-9a-f]{12}\b", "VERSION", text)
    text = re.sub(r"( takes [\d.]+ ms) and .* of the time\)", r"\1", text)  # a busy machine makes a quick call a slow one
    if not exact:
        text = re.sub(r"\d+(?:[.:-]\d+)*", "#", text)
    text = re.sub(r"\S*bin/nbdeploy", "nbdeploy", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def check_console(text: str, folder: Path, replace: Mapping[str, str], *, exact: bool = False) -> None:
    """Run the commands of a console block in `folder`; their output must be what the block shows.

    `curl` is left out where there is none. `exact`: numbers must be the same, too.
    """
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        if "curl " in command and shutil.which("curl") is None:
            continue
        for old, new in replace.items():
            command = command.replace(old, new)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False,
                              cwd=folder, env={**os.environ, "PATH": path})
        output = done.stderr + done.stdout
        assert done.returncode == 0, f"{command}\n{output}"
        if normalise(output, exact=exact) != normalise(shown, exact=exact):
            raise AssertionError(f"$ {command}\n{output}\nbut the page shows\n{shown}")
