"""nbdeploy: from a notebook cell to a proven live endpoint."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def record(name: str, value: Any) -> None:
    """Record a metric of this notebook, as scrapbook's `glue` does: it is kept with the version that is deployed.

    `nbdeploy show` tells it, and `nbdeploy up --promote-if 'auc >= previous.auc'` compares it.
    """
    from jupyter_deploy.scraps import record as record_scrap

    record_scrap(name, value)


def load_ipython_extension(ipython: Any) -> None:
    """Register `%deploy` and begin to record calls; IPython calls this on `%load_ext jupyter_deploy`."""
    from jupyter_deploy.magics import DeployMagics

    magics = DeployMagics(ipython)
    ipython.register_magics(magics)
    magics.start_recording()


def unload_ipython_extension(ipython: Any) -> None:
    """Stop recording and leave the shell as it was."""
    from jupyter_deploy.magics import DeployMagics

    magics = ipython.magics_manager.registry.get(DeployMagics.__name__)
    if magics is not None:
        magics.stop_recording()


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell `jupyter-builder develop` where the built panel is and what JupyterLab calls it."""
    return [{"src": "labextension", "dest": "nbdeploy"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Name the module that adds the panel's routes; importing the package does not import it."""
    return [{"module": "jupyter_deploy.server"}]
