"""Services on this machine: a small supervisor holds each listening socket and hands it to worker processes."""

from __future__ import annotations

import sys

from jupyter_deploy.errors import TargetError

if sys.platform == "win32":
    # Here, because the modules below cannot even be imported there.
    raise TargetError("the target 'local' runs on Linux and macOS",
                      advice="on Windows, run Jupyter inside WSL: https://learn.microsoft.com/windows/wsl")
