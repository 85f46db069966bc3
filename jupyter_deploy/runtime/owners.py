"""Whose an open file or a thread is, in words."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import Any

_OWN = frozenset({"service", "__main__"})
"""Modules of the notebook's own code."""


def find_owner(descriptor: int) -> str:
    """Say which module keeps a file or connection open, and under which name, as far as a module does."""
    for module, contents in list(sys.modules.items()):
        for name, value in list(getattr(contents, "__dict__", {}).items()):
            if _is_of(value, descriptor):
                return f"{_name_module(module)} (`{name}`)"
    return "a package or a value of the service"


def name_starter(thread: tuple[int, str]) -> str:
    """Say whose a thread is, by its number and name in the system."""
    found = next((one for one in threading.enumerate() if one.native_id == thread[0]), None)
    if found is None:
        return f"the library of a package (thread `{thread[1]}`)"
    target: Any = getattr(found, "_target", None) or type(found)
    module = str(getattr(target, "__module__", "") or "").partition(".")[0]
    known = module and module not in sys.stdlib_module_names
    return f"{_name_module(module) if known else 'Python code'} (thread `{found.name}`)"


def _is_of(value: Any, descriptor: int) -> bool:
    if not callable(getattr(type(value), "fileno", None)):
        return False
    with contextlib.suppress(Exception):  # whatever a value's own code raises, it is not this one's
        return bool(value.fileno() == descriptor)
    return False


def _name_module(module: str) -> str:
    package = module.partition(".")[0]
    return "the notebook's code" if package in _OWN else f"the package {package}"
