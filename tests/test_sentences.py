"""Messages become sentences in the side panel, which must know what is a word and what may be a name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from jupyter_deploy import errors

ROOT = Path(__file__).parents[1]
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.DeployError)}
COMMANDS = {"docker", "jupyter", "nbdeploy", "papermill", "pip", "python"}


def find_texts(node: ast.expr) -> Iterator[str]:
    """Give what a message begins with, as far as it is written and not filled in."""
    match node:
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.BinOp(left=left):
            yield from find_texts(left)
        case ast.IfExp(body=body, orelse=other):
            yield from find_texts(body)
            yield from find_texts(other)


def find_beginnings() -> Iterator[str]:
    for path in sorted((ROOT / "jupyter_deploy").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[message, *_]) if name in ERRORS:
                    for text in find_texts(message):
                        found = re.match(r"[a-z]+(?=[ ,;])", text)
                        yield from [found[0]] if found else []


def test_the_panel_knows_every_word_that_a_message_begins_with() -> None:
    source = (ROOT / "labextension" / "src" / "format.ts").read_text()
    found = re.search(r"BEGINNINGS =\s*/\^\(([a-z|]+)\)", source)
    assert found is not None
    beginnings = set(find_beginnings())
    assert {"there", "no"} < beginnings
    assert beginnings - COMMANDS - set(found[1].split("|")) == set()
