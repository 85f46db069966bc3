"""The hooks of .pre-commit-hooks.yaml, run as pre-commit runs them: the entry, its arguments, the files."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from saved_notebook import write_notebook

ROOT = Path(__file__).parents[1]
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
ENTRY = ("def predict(x: int) -> int:\n    return 2 * x", ["deploy:entry"])


def run(hook: str, folder: Path, *cells: tuple[str, list[str]]) -> subprocess.CompletedProcess[str]:
    write_notebook(folder / "my notebook.ipynb", *cells)
    command = [*shlex.split(HOOKS[hook]["entry"]), *HOOKS[hook].get("args", ()), "my notebook.ipynb"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120, check=False)


def test_the_static_hook(tmp_path: Path) -> None:
    assert run("nbdeploy-static", tmp_path, ENTRY).returncode == 0
    done = run("nbdeploy-static", tmp_path, ENTRY, ("!pip install pandas", []))
    assert done.returncode == 1
    assert "cell 2, line 1: warning: pandas: no version is pinned" in done.stdout


def test_the_full_hook(tmp_path: Path, jupyter_folders: Path) -> None:
    done = run("nbdeploy-check", tmp_path, ENTRY, ("predict(4)", []), ("assert predict(2) == 5", ["deploy:test"]))
    assert done.returncode == 1
    assert "[test-failed]" in done.stdout


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_they_are_complete(hook: dict[str, Any]) -> None:
    assert {"id", "name", "description", "entry", "language", "types"} <= set(hook)
    assert hook["types"] == ["jupyter"]
