"""Why a model stays as it is."""

from __future__ import annotations


class NotCompiled(Exception):
    """A model has no compiled form, or the form did not stand its trial; the message says why in one line."""


class NotFaster(NotCompiled):
    """A compiled form is equal, but it would gain too little."""
