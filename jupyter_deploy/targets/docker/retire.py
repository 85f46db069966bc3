"""Let containers that no caller is sent to any more finish, keep their logs, and take them away.

`python -m jupyter_deploy.targets.docker.retire NAME SECONDS CONTAINER...` runs on its own: `%deploy` is done when the
new version answers, which is before the old one has.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from jupyter_deploy.image.engine import connect
from jupyter_deploy.registry import data_dir
from jupyter_deploy.targets.docker.containers import Containers
from jupyter_deploy.targets.docker.logs import keep_log

_ACCEPT_SECONDS = 2.0
"""A connection that was passed on last may still wait to be accepted; a worker told to end accepts no more."""
_START_SECONDS = 60.0


def retire(containers: Containers, name: str, identities: Sequence[str], seconds: float) -> None:
    """End containers as soon as they have answered what they accepted, after `seconds` at most."""
    for identity in identities:
        containers.drain(identity, seconds)
    for identity in identities:
        containers.wait(identity, seconds)
        keep_log(containers, name, identity, data_dir())
        containers.remove(identity)


def retire_later(name: str, identities: Sequence[str], seconds: float) -> None:
    """Do that in a process of its own."""
    if identities:
        subprocess.run(
            [sys.executable, "-m", __name__, name, str(seconds), *identities], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
            timeout=_START_SECONDS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Retire the containers that the command line names."""
    parser = argparse.ArgumentParser("nbdeploy retire")
    parser.add_argument("name")
    parser.add_argument("seconds", type=float)
    parser.add_argument("containers", nargs="+")
    options = parser.parse_args(arguments)
    if os.fork():
        # Whoever started this process waits for it; what follows is nobody's child.
        os._exit(0)
    time.sleep(_ACCEPT_SECONDS)
    retire(Containers(connect(), data_dir()), options.name, options.containers, options.seconds)


if __name__ == "__main__":
    main()
