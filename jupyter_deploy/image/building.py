"""A build as an engine tells of it: the image that came of it, and what it left on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_deploy.image.refusals import explain_build, strip_colours

_MADE = re.compile(r"(?:-{2,3}> |COMMIT )?([0-9a-f]{11,64})$")
_STEP = re.compile(r"(?:\[\d+/\d+\] )?S(?:tep|TEP) \d+/\d+ ?: (.+)")
"""As Docker tells what it does, and podman: `Step 2/4 : COPY a /a`, `[1/2] STEP 2/4: COPY a /a`."""


@dataclass
class BuildLog:
    """Reads the events of a build."""

    say: Callable[[str], None]
    """Is told each step."""
    image: str = ""
    """What the last step made."""
    stages: list[str] = field(default_factory=list)
    """The ends of the stages before the last: what was copied out of."""
    made: list[str] = field(default_factory=list)
    """What each step made, but those that only name a base."""
    _lines: list[str] = field(default_factory=list)
    _names_base: bool = False

    def read(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Read to the end (raises `ImageError` when the build fails)."""
        for event in events:
            if "error" in event:
                raise explain_build(strip_colours(str(event["error"])), self._lines)
            text = strip_colours(str(event.get("stream", "")))
            if step := _STEP.match(text):
                self._begin(step.group(1))
            if text:
                self._lines.append(text)
            found = _MADE.match(text)
            identity = event.get("aux", {}).get("ID", "") or (found.group(1) if found else "")
            if identity:
                self.image = identity
                if not self._names_base and identity not in self.made:
                    self.made.append(identity)

    def _begin(self, step: str) -> None:
        self.say(step)
        self._names_base = step.startswith("FROM ")
        if self._names_base and self.image:
            self.stages.append(self.image)
