"""Start the supervisor and its keeper: `python -I -S <this folder> --data D --runtime R --ready FD`.

Without site-packages it cannot but run on the standard library: it starts quickly, stays small, and no upgrade
of a package can break it while it runs.
"""

import socket
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])
# asyncio loads OpenSSL when it can, and does without it when it cannot: 5 MB and 10 ms that no unix socket needs.
sys.modules["ssl"] = None  # type: ignore[assignment]  # how Python spells "cannot be imported"

from jupyter_deploy.targets.local.keeper import Kept, Options, keep, read_options  # noqa: E402 - only now found


def serve(options: Options, channel: socket.socket, kept: dict[str, Kept]) -> None:
    """Run a supervisor; the keeper does without what it imports."""
    from jupyter_deploy.targets.local.server import run

    run(options, channel, kept)


keep(read_options(), serve)
