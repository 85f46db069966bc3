"""Compiling captured models: a form that needs no framework, proven equal, kept only if it is faster."""

from __future__ import annotations

from jupyter_deploy.compile.stage import Outcome, brief_outcomes, compile_models, list_models

__all__ = ["Outcome", "brief_outcomes", "compile_models", "list_models"]
