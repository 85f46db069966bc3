"""The notebook as it was: golden calls are made in the live kernel, and a counter must not count them."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.capture.generators import is_generator, set_back
from jupyter_deploy.runtime.state import refill


@dataclass(frozen=True)
class Kept:
    """A value of the notebook, and a copy of what it held."""

    name: str
    owner: Any
    """The class or the function whose attribute it is; None for a global."""
    attribute: str
    value: Any
    before: Any

    def differs(self) -> bool:
        """Tell whether the notebook has another value now, or the value holds something else."""
        now = self.value if self.owner is None else vars(self.owner).get(self.attribute)
        by_identity = getattr(type(now), "__eq__", None) is getattr(object, "__eq__", None)
        try:
            return bool(vars(now) != vars(self.before) if by_identity else now != self.before)
        except Exception:  # noqa: BLE001 - arrays have no truth, and others compare in ways of their own
            return True

    def put_back(self, names: MutableMapping[str, Any]) -> None:
        """Give the notebook its value back, with what it held."""
        if self.owner is None:
            names[self.name] = self.value
        else:
            setattr(self.owner, self.attribute, self.value)
        if is_generator(self.value):
            set_back(self.value, self.before)
        else:
            refill(self.value, self.before)


class Watch:
    """What may change while golden calls are made."""

    def __init__(self, names: MutableMapping[str, Any], changed: Iterable[str]) -> None:
        self.kept = [kept for name in sorted(changed) if name in names for kept in _keep(name, names[name])]

    def moved(self) -> dict[str, str]:
        """Show what is no longer as it was, by the global that it is or whose attribute it is: `Counter.total`."""
        shown: dict[str, list[str]] = {}
        for kept in self.kept:
            if kept.differs():
                shown.setdefault(kept.name, []).append(f"{kept.name}.{kept.attribute}" if kept.attribute else kept.name)
        return {name: ", ".join(each) for name, each in shown.items()}


def _keep(name: str, value: Any) -> Iterator[Kept]:
    owned = isinstance(value, (type, types.FunctionType))
    for attribute, held in list(vars(value).items()) if owned else [("", value)]:
        special = attribute.startswith("__") and attribute.endswith("__")
        if owned and (special or hasattr(type(held), "__get__")):
            continue
        try:
            yield Kept(name, value if owned else None, attribute, held, copy.deepcopy(held))
        except Exception:  # noqa: BLE001, S112 - a class of the notebook may refuse to be copied in any way
            continue


@contextmanager
def restored(names: MutableMapping[str, Any], changed: Iterable[str]) -> Iterator[Watch]:
    """Put the values of the globals in `changed` back as they were: the same objects with what they held before.

    Of classes and functions, these are their attributes. What cannot be copied stays as it is.
    """
    watch = Watch(names, changed)
    try:
        yield watch
    finally:
        for kept in watch.kept:
            kept.put_back(names)
