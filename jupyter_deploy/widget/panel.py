"""The widget: what the front end is given, and the messages between the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jupyter_deploy.targets.target import Target
from jupyter_deploy.widget.feed import Feed

_PANELS: dict[tuple[str, str], Panel] = {}


class Panel(anywidget.AnyWidget):
    """Shows one endpoint, in as many places as it is displayed."""

    _esm = Path(__file__).with_name("panel.js")
    _css = Path(__file__).with_name("panel.css")
    picture = traitlets.Dict().tag(sync=True)
    """All that is shown when no kernel answers; the front end keeps it up to date, the kernel only begins it."""

    def __init__(self, target: Target, name: str) -> None:
        self._feed = Feed(target, name, self.send)
        super().__init__(picture=self._feed.begin())
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, message: Any, _buffers: Any) -> None:
        self._feed.receive(message)

    def refresh(self) -> None:
        """Bring a display that begins now up to date."""
        self.picture = self._feed.begin()


def find_panel(target: Target, name: str) -> Panel:
    """Give this kernel's panel of an endpoint; a second display of it costs nothing more.

    Raises
    ------
    DeployError
        When the endpoint cannot be looked at.

    """
    panel = _PANELS.get((target.name, name))
    if panel is None or panel.comm is None:
        panel = _PANELS[target.name, name] = Panel(target, name)
    else:
        panel.refresh()
    return panel
