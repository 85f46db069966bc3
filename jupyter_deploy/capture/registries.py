"""Registries: values that the slice's own definitions fill while the module is imported.

After `HANDLERS = {}` a decorator `@register("text")` puts functions into it, in the notebook and again in the service.
Loaded as it was in the kernel, it would need those functions, which need their decorator, which needs it. So it begins
in the service as it did in the notebook, with nothing in it, and gets its contents when all else is there.
"""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_deploy.capture.slice import Piece


def find_registries(pieces: Mapping[str, Piece], changed: Mapping[str, frozenset[str]]) -> list[str]:
    """Name the state that cannot be loaded before the definitions that it holds, since importing those fills it.

    Parameters
    ----------
    changed
        The globals that the code of each piece changes when it is called.

    """
    return sorted(name for name, piece in pieces.items() if piece.kind == "state" and _fills(name, pieces, changed))


def _fills(state: str, pieces: Mapping[str, Piece], changed: Mapping[str, frozenset[str]]) -> bool:
    """Whether what must be defined before `state` uses it at once, or calls what changes it."""
    waiting = [(needed, False) for needed in pieces[state].now]
    seen: set[tuple[str, bool]] = set()
    while waiting:
        name, called = waiting.pop()
        if name == state:
            return True
        piece = pieces.get(name)
        if piece is None or (name, called) in seen:
            continue
        seen.add((name, called))
        if called and state in changed.get(name, frozenset()):
            return True
        # A decorator, a base class or a default is called or may be; what only a function's body names may not.
        waiting += [(needed, True) for needed in piece.now]
        if called:
            waiting += [(needed, True) for needed in piece.later if needed != state]
    return False
