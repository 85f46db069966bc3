"""The live panel that an endpoint shows of itself in a notebook."""

from __future__ import annotations

import sys
from typing import Any

from jupyter_deploy.errors import DeployError
from jupyter_deploy.targets.target import Target

WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT = "application/vnd.nbdeploy.panel+json"
"""Beside the widget's: our front end shows an output with this as the panel, or as HTML where there is none."""


def view_live(target: Target, name: str) -> dict[str, Any]:
    """Give the MIME bundle of the endpoint's live panel: empty where nobody sits before the notebook.

    A panel in the output of a notebook that runs by itself (papermill, nbconvert, `nbdeploy up`) would later look for
    a kernel that is gone; text and HTML are shown there.
    """
    if not _takes_input():
        return {}
    try:
        # Imported only now: it costs the fifth of a second.
        from jupyter_deploy.widget.panel import find_panel
    except ImportError:
        return {}
    try:
        panel = find_panel(target, name)
    except DeployError:
        return {}
    return {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": panel.model_id}, KEPT: {"name": name}}


def _takes_input() -> bool:
    """Tell whether the cell that runs was sent by a front end with a person at it, who could answer `input()`."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return bool(parent.get("content", {}).get("allow_stdin"))
