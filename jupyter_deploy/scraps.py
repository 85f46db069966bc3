"""Metrics that a notebook records, in the form that scrapbook has made common: outputs of a mime type of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from jupyter_deploy.errors import UsageError

MIME = "application/scrapbook.scrap.json+json"
_MIME = re.compile(r"application/scrapbook\.scrap\.(?:json|text)\+json")


def record(name: str, value: Any) -> None:
    """Record a metric in the notebook, as scrapbook's `glue` does (raises `UsageError` for what JSON cannot carry)."""
    from IPython.display import display

    plain = value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value
    try:
        json.dumps(plain)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the metric {name} cannot be recorded: {error}",
                         advice="record a number, a text, or a list or dict of them") from error
    scrap = {"name": str(name), "data": plain, "encoder": "json", "version": 1}
    display({MIME: scrap, "text/plain": f"{name} = {plain!r}"},
            metadata={"scrapbook": {"name": str(name), "data": True, "display": False}}, raw=True)


def read_scrap(data: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Give the name and the value that an output carries; None when it carries none."""
    for mime, scrap in data.items():
        if _MIME.fullmatch(mime) and isinstance(scrap, Mapping) and "name" in scrap:
            return str(scrap["name"]), scrap.get("data")
    return None


class Scraps:
    """Keeps what a kernel records, the last value of each name."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._publisher: Any = None

    def watch(self, shell: Any) -> None:
        """Look at every output from now on."""
        self._publisher = publisher = shell.display_pub
        publish = publisher.publish

        def look(data: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
            found = read_scrap(data) if isinstance(data, Mapping) else None
            if found is not None:
                self.values[found[0]] = found[1]
            return publish(data, *args, **kwargs)

        publisher.publish = look

    def stop(self) -> None:
        """Leave the kernel as it was."""
        if self._publisher is not None:
            vars(self._publisher).pop("publish", None)
            self._publisher = None
