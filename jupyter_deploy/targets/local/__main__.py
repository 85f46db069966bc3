"""Start the supervisor: `python -I -S <this folder> --data D --runtime R --ready FD`.

Without site-packages it cannot but run on the standard library: it starts quickly, stays small, and no upgrade
of a package can break it while it runs.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])
# asyncio loads OpenSSL when it can, and does without it when it cannot: 5 MB and 10 ms that no unix socket needs.
sys.modules["ssl"] = None  # type: ignore[assignment]  # how Python spells "cannot be imported"

from jupyter_deploy.targets.local.server import main  # noqa: E402 - only now can it be found

main()
