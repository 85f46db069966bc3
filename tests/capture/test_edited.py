from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jupyter_deploy.capture.edited import edited_names

SOURCE = """
LIMIT = 3
calls = 0
seen = {}

def count():
    global calls
    calls += 1
    return [n for n in range(LIMIT)]

class Scaler:
    def scale(self, x):
        return x * 2

print_nothing = len("abc")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "edited_module.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("edited_module", file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("", "", ()),
        ("LIMIT = 3", "# a remark\n\nLIMIT = 3", ()),
        ("LIMIT = 3", "LIMIT = 4", ("LIMIT",)),
        ("x * 2", "x * 3", ("Scaler.scale",)),
        ("def count", "def tally", ("count",)),
        ("range(LIMIT)", "range(LIMIT + 1)", ("count",)),
        ('len("abc")', 'len("abcd")', ("its top-level code",)),
        ("LIMIT = 3", "LIMIT = ", ("its top-level code",)),
    ],
)
def test_what_differs_from_the_file_is_named(module: ModuleType, old: str, new: str, names: tuple[str, ...]) -> None:
    module.count()
    module.seen["a"] = 1
    assert module.__file__ is not None
    file = Path(module.__file__)
    file.write_text(SOURCE.replace(old, new) if old else SOURCE)
    os.utime(file, (1e9, 1e9))
    assert edited_names(module) == names


def test_a_module_without_source_is_not_compared() -> None:
    assert edited_names(sys) == ()
