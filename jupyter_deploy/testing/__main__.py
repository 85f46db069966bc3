"""Deploys one notebook for the tests: the order is JSON on standard input, the outcome JSON on standard output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.capture import CaptureOptions
from jupyter_deploy.errors import DeployError
from jupyter_deploy.execution import execute_and_deploy
from jupyter_deploy.recipe import DeployOptions
from jupyter_deploy.unattended import Run


def main() -> int:
    """Run the notebook and deploy it: 0 it is live, 1 it is not, and standard error says why."""
    order: dict[str, Any] = json.load(sys.stdin)
    try:
        outcome = execute_and_deploy(Run(Path(order["notebook"]), order["parameters"]), order["entries"],
                                     DeployOptions(CaptureOptions(name=order["name"])))
    except DeployError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({"name": outcome["name"], "url": outcome["url"]}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
