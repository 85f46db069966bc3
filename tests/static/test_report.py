"""`nbdeploy check --static`, run as a hook would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from documents import save

RATE = "rate = 2"
ENTRY = ("def predict(x):\n    return x * rate", ["deploy:entry"])


def look(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "jupyter_deploy", "check", "--static", *arguments], capture_output=True, text=True,
                          check=False, timeout=60, cwd=cwd)


def test_findings_are_lines_with_a_place(tmp_path: Path) -> None:
    save(tmp_path / "n.ipynb", [RATE, ENTRY, "%pip install pandas\nprint(nowhere)"])
    done = look("n.ipynb", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "n.ipynb: cell 3, line 1: warning: pandas: no version is pinned, so the next run may get another one [unpinned]",
        "    → pin it: pandas==VERSION",
        "n.ipynb: cell 3, line 2: warning: nowhere is used, but no cell defines it [undefined-name]",
        "    → a freshly started kernel has none",
    ]
    assert (done.stderr, done.returncode) == ("2 warnings (1 notebook read, none run)\n", 0)
    assert look("--strict", "n.ipynb", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["folder"], 1, "2 notebooks read"),
    (["folder/good.ipynb"], 0, "nothing found"),
    (["missing.ipynb"], 1, "missing.ipynb: error: the notebook cannot be read"),
    ([], 2, "required"),
    (["empty"], 2, "the folder has no notebook"),
    (["--stricct", "folder"], 2, "unrecognized arguments: --stricct"),
])
def test_exit_codes(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder" / ".ipynb_checkpoints").mkdir(parents=True)
    save(tmp_path / "folder" / "good.ipynb", [RATE, ENTRY])
    save(tmp_path / "folder" / "bad.ipynb", [ENTRY])
    save(tmp_path / "folder" / ".ipynb_checkpoints" / "bad.ipynb", [ENTRY])
    done = look(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stdout + done.stderr
