"""What can be said of a notebook without running it."""

from __future__ import annotations

from jupyter_deploy.static.analysis import find_static
from jupyter_deploy.static.report import check_static, list_notebooks

__all__ = ["check_static", "find_static", "list_notebooks"]
