"""Which distributions a service needs: found from its imports, pinned, written as a lock."""

from __future__ import annotations

from jupyter_deploy.requirements.distributions import Distribution, Requirements, Source
from jupyter_deploy.requirements.extras import name_with_cuda
from jupyter_deploy.requirements.lock import Pin, read_lock, write_lock
from jupyter_deploy.requirements.resolution import add_module, resolve

__all__ = ["Distribution", "Pin", "Requirements", "Source", "add_module", "name_with_cuda", "read_lock", "resolve",
           "write_lock"]
