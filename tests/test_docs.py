"""The pages of docs/: complete, by lists taken from the code, and true, by running their console blocks."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_notebook import LiveNotebook
from transcript import check_console, read_blocks

from jupyter_deploy import command, options
from jupyter_deploy.check.judgement import _CODES
from jupyter_deploy.check.plan import _OF_THE_SAVED
from jupyter_deploy.notebook import PREFIX, ROLES
from jupyter_deploy.runtime.counters import Counters
from jupyter_deploy.targets.target import GROUP, list_targets

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def _read(*names: str) -> str:
    return "\n".join((DOCS / name).read_text(encoding="utf-8") for name in names)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, below in action.choices.items():
                yield f"nbdeploy {verb}"
                yield from _options(below)
        else:
            yield from action.option_strings


def _lacking(wanted: set[str], text: str) -> list[str]:
    return sorted(one for one in wanted if not re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", text))


def test_every_tag_is_explained() -> None:
    assert not _lacking({f"{PREFIX}{role}" for role in ROLES}, _read("tags.md"))


@pytest.mark.parametrize("build", [options.build_magic_parser, command.build_parser])
def test_every_option_is_explained(build: object) -> None:
    pages = (ROOT / "README.md").read_text(encoding="utf-8") + _read("targets.md", "tags.md", "security.md", "hardware.md", "ci.md",
                                                                           "checks.md", "traffic.md", "releases.md")
    told_by_help = {"--help", "-h", "--version"}
    assert not _lacking(set(_options(build())) - told_by_help, pages)  # type: ignore[operator]


def test_every_environment_variable_is_explained() -> None:
    used = {node.value for file in (ROOT / "jupyter_deploy").rglob("*.py")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            and re.fullmatch(r"NBDEPLOY_[A-Z_]+", node.value)}
    assert used >= {"NBDEPLOY_NOTEBOOK"}
    assert not _lacking(used, _read(*(page.name for page in DOCS.glob("*.md"))))


def test_every_finding_of_a_check_is_explained() -> None:
    found = set(re.findall(r'Finding\(\s*"(?:error|warning|note)",\s*"([a-z-]+)"', "\n".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "jupyter_deploy" / "check").glob("*.py"))))
    assert found >= {"answers-moved", "unmeasured"}
    assert not _lacking({*found, *_CODES.values(), *_OF_THE_SAVED}, _read("checks.md"))


def test_every_metric_is_explained() -> None:
    counters = Counters("name", "version", ["entry"], None)
    assert not _lacking({sample.series.name for sample in counters.metrics.read()}, _read("metrics.md"))


def test_targets_are_explained() -> None:
    assert not _lacking({GROUP, *list_targets()}, _read("targets.md"))


def test_protocols_are_as_described(notebook: LiveNotebook) -> None:
    """The README's `houses` service, called as docs/protocols.md shows."""
    cells = [text for language, text in read_blocks(ROOT / "README.md") if language == "ipython"][:3]
    notebook.run(*cells)
    url = notebook.value("endpoint.url")
    for language, text in read_blocks(DOCS / "protocols.md"):
        assert language == "console"
        check_console(text, notebook.folder, {"http://127.0.0.1:8100": url}, exact=True)
