"""The notebook as it was: golden calls are made in the live kernel, and a counter must not count them."""

from __future__ import annotations

import copy
import hashlib
import io
import pickle
import types
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
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
    """The class or the function whose attribute it is; None for a global, and for what has no name in the notebook."""
    attribute: str
    value: Any
    before: Any
    mark: bytes | None
    """A digest of what it held; None if there is none."""

    def differs(self, names: Mapping[str, Any]) -> bool:
        """Tell whether the notebook has another value now, or the value holds something else."""
        now = names.get(self.name, self.value) if self.owner is None else vars(self.owner).get(self.attribute)
        if now is self.value and self.mark is not None:
            return self.mark != _digest(now)
        try:
            return bool(now != self.before)
        except Exception:  # noqa: BLE001 - arrays have no truth, and others compare in ways of their own
            return True

    def put_back(self, names: MutableMapping[str, Any]) -> None:
        """Give the notebook its value back, with what it held."""
        if self.owner is not None:
            setattr(self.owner, self.attribute, self.value)
        elif self.name in names:
            names[self.name] = self.value
        if is_generator(self.value):
            set_back(self.value, self.before)
        else:
            refill(self.value, self.before)


class _Marker(pickle.Pickler):
    """Writes functions and classes of the notebook, lambdas too, as which ones they are."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (types.FunctionType, type)) and value.__module__ == "__main__":
            return int, (id(value),)
        return NotImplemented


def _digest(value: Any) -> bytes | None:
    file = io.BytesIO()
    try:
        _Marker(file, protocol=5).dump(value)
        return hashlib.blake2b(file.getbuffer()).digest()
    except Exception:  # noqa: BLE001 - what cannot be pickled is compared
        return None


class Watch:
    """What may change while golden calls are made."""

    def __init__(self, names: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
        self._names = names
        self.kept = [kept for name, value in sorted(values.items()) for kept in _keep(name, value)]

    def moved(self) -> dict[str, str]:
        """Show what is no longer as it was, by the global that it is or whose attribute it is: `Counter.total`."""
        shown: dict[str, list[str]] = {}
        for kept in self.kept:
            if kept.differs(self._names):
                shown.setdefault(kept.name, []).append(f"{kept.name}.{kept.attribute}" if kept.attribute else kept.name)
        return {name: ", ".join(each) for name, each in shown.items()}


def _keep(name: str, value: Any) -> Iterator[Kept]:
    owned = isinstance(value, (type, types.FunctionType))
    for attribute, held in list(vars(value).items()) if owned else [("", value)]:
        special = attribute.startswith("__") and attribute.endswith("__")
        if owned and (special or hasattr(type(held), "__get__")):
            continue
        try:
            yield Kept(name, value if owned else None, attribute, held, copy.deepcopy(held), _digest(held))
        except Exception:  # noqa: BLE001, S112 - a class of the notebook may refuse to be copied in any way
            continue


@contextmanager
def restored(
    names: MutableMapping[str, Any], changed: Iterable[str], nameless: Mapping[str, Any]
) -> Iterator[Watch]:
    """Put the values of the globals in `changed` back as they were: the same objects with what they held before.

    Of classes and functions, these are their attributes. What cannot be copied stays as it is.

    Parameters
    ----------
    nameless
        Values that the notebook has no global for, by the names that they go by here.

    """
    watch = Watch(names, {**nameless, **{name: names[name] for name in changed if name in names}})
    try:
        yield watch
    finally:
        for kept in watch.kept:
            kept.put_back(names)
