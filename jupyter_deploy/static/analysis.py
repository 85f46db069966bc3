"""The analysis of one notebook: everything that its saved document tells."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.errors import NotebookError
from jupyter_deploy.static.credentials import find_credentials
from jupyter_deploy.static.definitions import find_definitions
from jupyter_deploy.static.document import Document, read_static
from jupyter_deploy.static.entries import find_entries
from jupyter_deploy.static.installs import find_installs
from jupyter_deploy.static.names import Names
from jupyter_deploy.static.order import find_order
from jupyter_deploy.static.roles import find_roles

_NUMBER = re.compile(r"\d+")


def find_static(path: Path) -> tuple[Finding, ...]:
    """Find what is wrong, or likely to be, in a notebook file; nothing of it is executed.

    The findings are in the order of the cells. A file that cannot be read is a finding, too.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of compiling the notebook's code: an escape such as "\d"
            return tuple(sorted(_find(read_static(path)), key=_place))
    except NotebookError as error:
        return (Finding("error", "unreadable", error.message, str(path), None, error.advice),)


def _find(document: Document) -> Iterator[Finding]:
    if document.language != "python":
        yield Finding("error", "language", f"only Python notebooks can be deployed; this one is in {document.language}",
                      str(document.path))
        return
    names = Names(document)
    served, findings = find_entries(document, names)
    reached = names.reach([one.name for one in served], through_values=True)
    yield from findings
    yield from find_roles(document)
    yield from _find_syntax(document)
    yield from find_definitions(document, names, served)
    yield from find_order(document, names, reached)
    yield from find_credentials(document)
    yield from find_installs(document)


def _find_syntax(document: Document) -> Iterator[Finding]:
    newer = document.version > sys.version_info[:2]
    for cell in document.cells:
        if cell.wrong_syntax is not None and cell.runs and "raises-exception" not in cell.tags:
            wrong = cell.wrong_syntax
            advice = None
            if newer:
                advice = f"or Python {'.'.join(map(str, document.version))} has it, which the notebook was saved with"
            yield Finding("warning" if newer else "error", "syntax", f"this is not Python: {wrong.message}",
                          str(document.path), cell.at(wrong.line), advice)


def _place(finding: Finding) -> tuple[int, ...]:
    """Sort by cell and line; what concerns the whole notebook comes last."""
    return tuple(map(int, _NUMBER.findall(finding.cell))) if finding.cell else (sys.maxsize,)
