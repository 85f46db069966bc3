"""A capture as a self-contained folder whose content digest is its version."""

from __future__ import annotations

from jupyter_deploy.bundle.bundle import Bundle, open_bundle, write_bundle

__all__ = ["Bundle", "open_bundle", "write_bundle"]
