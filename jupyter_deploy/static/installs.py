"""Packages that a cell installs: which version, the next run decides."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from jupyter_deploy.check.finding import Finding
from jupyter_deploy.static.document import Document

_LINE = re.compile(r"^\s*(?:[!%]{1,2}\s*(?:[\w./{}-]*python[\w.]*\s+-m\s+|\{sys\.executable\}\s+-m\s+|uv\s+)?"
                   r"|python[\d.]*\s+-m\s+)?(pip3?|conda|mamba)\s+install\s+(.+)$")
_SHELL = re.compile(r"\s*%%(?:bash|sh|script)")
_TAKES_VALUE = frozenset({"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f",
                          "--find-links", "-t", "--target", "--prefix", "--root", "-e", "--editable", "-n", "--name",
                          "--channel", "--timeout", "--retries", "--python", "--platform", "--proxy", "--trusted-host",
                          "--no-binary", "--only-binary", "--src", "--log", "--cache-dir"})
_TOOLS = frozenset({"pip", "setuptools", "wheel", "uv"})
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?")


def find_installs(document: Document) -> Iterator[Finding]:
    """Find what is installed without a version: `!pip install pandas`, `%pip install`, `%conda install`."""
    for cell in document.cells:
        in_shell = _SHELL.match(cell.source) is not None
        for number, line in enumerate(cell.source.splitlines(), start=1):
            found = _LINE.match(line)
            if found and (in_shell or line.lstrip()[0] in "!%") and (loose := list(_unpinned(found[1], found[2]))):
                yield Finding("warning", "unpinned", f"{', '.join(loose)}: no version is pinned, so the next run may "
                              "get another one", str(document.path), cell.at(number),
                              f"pin it: {loose[0]}==VERSION")


def _unpinned(tool: str, text: str) -> Iterator[str]:
    words = iter(_split(text))
    for word in words:
        if word in ("&&", ";", "|", "||", ">", ">>", "2>&1"):
            return
        if word in _TAKES_VALUE:
            next(words, None)
        elif not word.startswith("-") and _is_loose(word, tool):
            yield word


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def _is_loose(word: str, tool: str) -> bool:
    if word.startswith(("git+", "hg+", "svn+")):
        return "@" not in word.partition("+")[2].partition("://")[2].partition("/")[2]
    if "{" in word or "$" in word or "/" in word or word.startswith(".") or word.endswith((".whl", ".gz", ".zip")):
        return False
    name = _REQUIREMENT.match(word)
    if name is None or name[0] in _TOOLS:
        return False
    pinned = "==" in word and not word.endswith(".*")
    return not (pinned or "@" in word or (not tool.startswith("pip") and "=" in word))
