"""The Jupyter server's side of the panel: authenticated routes over the functions that the command calls."""

from __future__ import annotations

from typing import Any

_PAUSE = 15.0
"""Seconds after the start of the server before the panel's first look is prepared: the user's page comes first."""


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the routes; Jupyter Server calls this for every enabled extension."""
    from jupyter_deploy.server.routes import import_views, list_handlers

    server.web_app.add_handlers(".*$", list_handlers(server.web_app.settings["base_url"]))
    server.log.info("nbdeploy: the Deploy panel's routes are ready")
    server.io_loop.call_later(_PAUSE, lambda: server.io_loop.run_in_executor(None, lambda: import_views().prepare()))
