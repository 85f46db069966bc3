"""The way out: a version as a plain project that builds and runs without nbdeploy."""

from __future__ import annotations

from jupyter_deploy.export.project import ExportOptions, export

__all__ = ["ExportOptions", "export"]
