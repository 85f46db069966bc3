"""The pytest plugin: `pytest --nbdeploy` checks notebooks, and the fixture `endpoint` serves them.

pytest loads this module in every run where nbdeploy is installed, so it imports nothing of ours that is not needed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jupyter_deploy.testing.serving import ServeNotebook, Serving


ARGUMENTS = "nbdeploy_check_args"
TIMEOUT = "nbdeploy_timeout"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that turns the collection on."""
    group = parser.getgroup("nbdeploy", "services made of notebooks")
    group.addoption("--nbdeploy", action="store_true",
                    help="collect notebooks with deploy roles or a %%deploy line, and check each: nbdeploy check")
    parser.addini(ARGUMENTS, "options of `nbdeploy check` for every notebook, such as --strict --p95 50ms", type="args")
    parser.addini(TIMEOUT, "seconds that the check of one notebook may take (default: 3600)", default="3600")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the notebooks that would become services."""
    if file_path.suffix == ".ipynb" and parent.config.getoption("--nbdeploy") and _is_service(file_path):
        return NotebookFile.from_parent(parent, path=file_path)
    return None


def _is_service(path: Path) -> bool:
    """Whether a notebook has anything to do with a service; one that cannot be read is collected, and fails."""
    if ".ipynb_checkpoints" in path.parts:
        return False
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    code = (cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code")
    return any(_speaks_of_deploying(cell) for cell in code)


def _speaks_of_deploying(cell: dict[str, Any]) -> bool:
    metadata = cell.get("metadata", {})
    source = "".join(cell.get("source", ""))
    return (any(str(tag).startswith("deploy:") for tag in metadata.get("tags", ())) or "nbdeploy" in metadata
            or any(line.lstrip().startswith(("%deploy", "%%deploy")) or "= %deploy" in line
                   for line in source.splitlines()))


class NotebookFile(pytest.File):
    """A notebook that would become a service."""

    def collect(self) -> Iterator[pytest.Item]:
        """Give the one thing there is to test: that it still does."""
        yield NotebookCheck.from_parent(self, name="check")


class NotebookFellShort(Exception):
    """The check of a notebook failed; the text is its report."""


class NotebookCheck(pytest.Item):
    """Runs a notebook, proves its service, runs its test cells, holds it against its contract."""

    def runtest(self) -> None:
        """Check it in a process of its own: neither its kernel nor papermill touch the tests' process."""
        options = self.config.getini(ARGUMENTS)
        command = [sys.executable, "-m", "jupyter_deploy", "check", str(self.path), *options]
        seconds = float(self.config.getini(TIMEOUT))
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds,
                                  cwd=self.config.rootpath)
        except subprocess.TimeoutExpired:
            raise NotebookFellShort(f"the check of {self.path.name} took more than {seconds:g} s, and was ended; "
                                    f"{TIMEOUT} in pytest's configuration gives it more") from None
        if done.returncode:
            raise NotebookFellShort(done.stdout.strip() or done.stderr.strip())
        self.add_report_section("call", "nbdeploy", done.stdout)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the check's own report, and nothing of how pytest came to it."""
        if isinstance(excinfo.value, NotebookFellShort):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name it in listings."""
        return self.path, None, f"nbdeploy check {self.path.name}"


@pytest.fixture(scope="session")
def _nbdeploy_serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    from jupyter_deploy.testing.serving import Serving

    with Serving(tmp_path_factory.mktemp("nbdeploy")) as serving:
        yield serving


@pytest.fixture
def endpoint(request: pytest.FixtureRequest, _nbdeploy_serving: Serving) -> ServeNotebook:
    """Serve notebooks: `endpoint("churn.ipynb", params={"trees": 10})` gives a live `Endpoint`.

    The notebook (a path from the test's own folder) is run, captured, proven and deployed to this machine, in a data
    folder of the tests' own; with the same arguments only once for all tests. All is removed in the end.
    """
    return _nbdeploy_serving.bind(request.path.parent)
