"""`python -m jupyter_deploy` is `nbdeploy`."""

from __future__ import annotations

from jupyter_deploy.command import main

if __name__ == "__main__":
    raise SystemExit(main())
