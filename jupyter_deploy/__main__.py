"""`python -m jupyter_deploy` is `nbdeploy`."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command; gives its exit code, by convention 130 after Ctrl-C, also while it is being imported."""
    try:
        from jupyter_deploy.command import main

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("nbdeploy: interrupted\n")
        return 130


if __name__ == "__main__":
    raise SystemExit(run())
