"""Generators of random numbers in the notebook's globals: each call that draws from one changes it.

A service that starts where the notebook's generator stands gives the same numbers in the same order, and so can be
proven.
"""

from __future__ import annotations

import random
import sys
from typing import Any


def is_generator(value: object) -> bool:
    """Tell whether a value is a generator of random numbers: NumPy's or the standard library's."""
    numpy = sys.modules.get("numpy")
    kinds = () if numpy is None else (numpy.random.Generator, numpy.random.RandomState)
    return isinstance(value, (random.Random, *kinds))


def set_back(generator: Any, before: Any) -> None:
    """Let a generator go on from where another one stands."""
    if isinstance(generator, random.Random):
        generator.setstate(before.getstate())
    elif hasattr(generator, "set_state"):
        generator.set_state(before.get_state())
    else:
        generator.bit_generator.state = before.bit_generator.state
