"""Passwords and keys that stand in the source of a cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from jupyter_deploy.capture.secrets import is_secret, looks_secret
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.static.document import Document, StaticCell

_PLACEHOLDER = re.compile(
    r"""(?i)^[<\[{(].*[>\]})]$|^\W*$|(.)\1{5,}|x{3,}|\*{3,}|\.{3}|…
        |your|example|change.?me|placeholder|dummy|insert|replace|redacted|secret$|password$|^token$|todo|\$\{?\w|%\(""",
    re.VERBOSE,
)
"""What a text that stands for a credential looks like: nobody's key."""
_NAMES_ONE = re.compile(r"(?i)(?:^|_)(?:password|passwd|pwd|secret|token|key|credentials?)$")
_MENTIONS_ONE = re.compile(r"(?i)pass|pwd|secret|token|key|credential")
"""What a cell must hold to be worth a closer look."""
_SPECIAL_TOKEN = re.compile(r"(?i)^(?:bos|eos|sep|pad|cls|mask|unk|special|start|end|stop|oov|csrf)_")
_URL_LOGIN = re.compile(r"://[^/\s:@]+:([^/\s@]+)@")
_ADVICE = "read it from the environment: os.environ[\"…\"]; and revoke it if it was ever committed"


def find_credentials(document: Document) -> Iterator[Finding]:
    """Find texts that have the form of a credential (errors), or the name of one (warnings); each line once."""
    for cell in document.cells:
        formed = set(_by_form(cell))
        for line in sorted(formed):
            yield Finding("error", "secret", "this looks like a password or a key", str(document.path), cell.at(line),
                          _ADVICE)
        for line, name in _by_name(cell):
            if line not in formed:
                formed.add(line)
                yield Finding("warning", "secret", f"{name} looks like a password or a key", str(document.path),
                              cell.at(line), _ADVICE)


def _by_form(cell: StaticCell) -> Iterator[int]:
    if not looks_secret(cell.source):
        return
    for number, line in enumerate(cell.source.splitlines(), start=1):
        login = _URL_LOGIN.search(line)
        if looks_secret(line) and not (_PLACEHOLDER.search(login[1]) if login else "xxxx" in line.lower()):
            yield number


def _by_name(cell: StaticCell) -> Iterator[tuple[int, str]]:
    if not _MENTIONS_ONE.search(cell.source):
        return
    for node in ast.walk(cell.tree):
        for name, value in _named_texts(node):
            if (isinstance(value, ast.Constant) and isinstance(value.value, str) and _NAMES_ONE.search(name)
                    and not _SPECIAL_TOKEN.search(name) and is_secret(name, value.value)
                    and not _PLACEHOLDER.search(value.value) and " " not in value.value):
                yield value.lineno, name


def _named_texts(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Give the expressions that get a name: by assignment, as a key of a dictionary, or as an argument."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((_name_of(target), value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield _name_of(target), value
        case ast.Dict(keys=keys, values=values):
            yield from ((str(key.value), value) for key, value in zip(keys, values, strict=True)
                        if isinstance(key, ast.Constant))
        case ast.keyword(arg=str(name), value=value):
            yield name, value


def _name_of(target: ast.expr) -> str:
    """Give the name that an assignment's target ends in: `key`, `client.key`, `os.environ["KEY"]`."""
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""
