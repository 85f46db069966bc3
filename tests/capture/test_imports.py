from __future__ import annotations

import pytest

from jupyter_deploy.capture.imports import Import, find_imports

CASES = {
    "import a.b, c": [("a.b", (), False), ("c", (), False)],
    "from a import b, c as d": [("a", ("b", "c"), False)],
    "from . import sibling": [("pkg.inner", ("sibling",), False)],
    "from ..other import x": [("pkg.other", ("x",), False)],
    "try:\n import a\nexcept ImportError:\n import b": [("a", (), True), ("b", (), True)],
    "try:\n import a\nexcept (ModuleNotFoundError, OSError):\n a = None": [("a", (), True)],
    "try:\n import a\nexcept:\n pass\nelse:\n import c": [("a", (), True), ("c", (), False)],
    "try:\n import a\nexcept KeyError:\n pass": [("a", (), False)],
    "def f():\n import a": [("a", (), True)],
    "class C:\n import a": [("a", (), False)],
    "if TYPE_CHECKING:\n import a\nelse:\n import b": [("b", (), False)],
    "if typing.TYPE_CHECKING:\n import a": [],
    "if __name__ == '__main__':\n import a": [],
    "m = importlib.import_module('a.b')": [("a.b", (), False)],
    "m = __import__('a')": [("a", (), False)],
    "m = importlib.import_module(name)": [],
}


@pytest.mark.parametrize("source", CASES)
def test_imports_are_found_wherever_they_stand(source: str) -> None:
    found = find_imports(source, "pkg.inner.module")
    assert [(one.module, one.names, one.optional) for one in found] == CASES[source]


def test_a_package_is_the_start_of_its_own_relative_imports() -> None:
    assert find_imports("\nfrom . import a", "pkg", package=True) == (Import("pkg", ("a",), 2, optional=False),)
