"""The Jupyter server's side of the panel: authenticated routes over the functions that the command calls."""

from __future__ import annotations

from typing import Any


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the routes; Jupyter Server calls this for every enabled extension."""
    from jupyter_deploy.server.routes import list_handlers

    server.web_app.add_handlers(".*$", list_handlers(server.web_app.settings["base_url"]))
    server.log.info("nbdeploy: the Deploy panel's routes are ready")
