"""pytest-jupyter's fixtures for this folder alone: as a plugin, it would start a server around every test there is."""

from __future__ import annotations

from pytest_jupyter.jupyter_server import *  # noqa: F403 - fixtures and hooks are found by their names
