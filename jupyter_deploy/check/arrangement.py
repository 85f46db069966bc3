"""The order in which a notebook's cells run when its service is checked: all of its own, %deploy, its test cells."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from jupyter_deploy.execution import deploy_cell, deploys
from jupyter_deploy.notebook import role_of
from jupyter_deploy.unattended import TAG

_OURS = "import jupyter_deploy.check.kernel as _check\n_check."
STAND_IN = f"{_OURS}stand_in()"
"""Before the test cells: from here on the packaged service answers."""
FINISH = f"{_OURS}finish()"
"""The last cell of a check."""
PROMOTE = f"{_OURS}promote()"
"""The last cell of `nbdeploy up --promote-if`."""


def arrange(document: Any, entries: Sequence[str], last: str) -> Any:
    """Put the deployment, unless the notebook has its own, the test cells and a last one at the end of a copy."""
    from nbformat.v4 import new_code_cell

    ours = copy.deepcopy(document)
    tests = [cell for cell in ours.cells if is_test(cell)]
    ours.cells = [cell for cell in ours.cells if not is_test(cell)]
    if entries or not deploys(document):
        ours.cells.append(deploy_cell(entries))
    if tests:
        ours.cells.append(new_code_cell(STAND_IN, metadata={"tags": [TAG]}))
    for cell in tests:
        # The others run, too, when one fails.
        cell.metadata["tags"] = [*cell.metadata.get("tags", ()), "raises-exception"]
        ours.cells.append(cell)
    ours.cells.append(new_code_cell(last, metadata={"tags": [TAG]}))
    return ours


def is_test(cell: Any) -> bool:
    """Whether a cell of a document is tagged deploy:test."""
    tags = tuple(cell.metadata.get("tags", ()))
    return cell.cell_type == "code" and role_of(tags, cell.metadata.get("nbdeploy", {}), "") == "test"


def is_injected(source: str) -> bool:
    """Whether a cell is one of those that are put in here."""
    return source.startswith(_OURS)
