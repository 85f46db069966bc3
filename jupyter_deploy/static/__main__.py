"""`python -m jupyter_deploy.static NOTEBOOK...`."""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_deploy.errors import UsageError
from jupyter_deploy.options import Parser
from jupyter_deploy.static.report import check_static


def main() -> int:
    """Look at notebooks without running them: 0 nothing in the way, 1 findings, 2 wrong use."""
    parser = Parser(prog="python -m jupyter_deploy.static", description=main.__doc__)
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK", help="notebooks, or folders of them")
    parser.add_argument("--strict", action="store_true", help="treat warnings as errors")
    try:
        arguments = parser.parse_args()
        return check_static(arguments.notebooks, strict=arguments.strict)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
