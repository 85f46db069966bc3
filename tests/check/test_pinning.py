from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_deploy.check.pinning import find_installs, find_unpinned, read_requirements
from jupyter_deploy.notebook import Cell, Notebook


@pytest.mark.parametrize(("line", "names"), [
    ("!pip install pandas", ["pandas"]),
    ("%pip install -q pandas==2.1.0 lightgbm", ["lightgbm"]),
    ("!python3 -m pip install 'pandas>=2'", ["pandas"]),
    ("!pip install -r requirements.txt", []),
    ("!pip install pandas==2.1.0  # pinned", []),
    ("!pip install git+https://example.org/x.git", []),
    ("!uv pip install torch --index-url https://example.org", ["torch"]),
    ("!pip install pandas==2.*", ["pandas"]),
    ("# !pip install pandas", []),
    ("!pip freeze", []),
])
def test_installs_without_a_version(line: str, names: list[str]) -> None:
    notebook = Notebook(Path("n.ipynb"), (Cell(3, "", f"import os\n{line}", (), None),))
    findings = list(find_installs(notebook, "n.ipynb"))
    assert [finding.advice for finding in findings] == [f"write {name}==VERSION" for name in names]
    assert {finding.cell for finding in findings} <= {"cell 3"}


PACKAGES = [{"name": "pandas", "version": "2.1.0", "reason": "cell 2 imports it"},
            {"name": "PyYAML", "version": "6.0+local", "reason": "cell 3 imports it"},
            {"name": "numpy", "version": "2.0", "reason": "required by pandas"},
            {"name": "orjson", "version": "3.0", "reason": "serves the endpoint"}]


@pytest.mark.parametrize(("text", "codes"), [
    ("pandas==2.1.0\npyyaml==6.0\n", []),
    ("pandas==2.1.0 --hash=sha256:00\n# a comment\npyyaml===6.0 # another\n", []),
    ("pandas\npyyaml==6.0\n", ["unpinned-requirement"]),
    ("pandas>=2\npyyaml==6.*\n", ["unpinned-requirement", "unpinned-requirement"]),
    ("pandas==2.1.0\n", ["missing-requirement"]),
    ("pandas==2.0.0\nPyYAML==6.0\n", ["other-requirement"]),
    ("-r more.txt\npyyaml==6.0\n", []),
])
def test_packages_of_the_service_are_pinned(text: str, codes: list[str], tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(text)
    (tmp_path / "more.txt").write_text("pandas==2.1.0\n")
    findings = list(find_unpinned(PACKAGES, tmp_path / "n.ipynb", "n.ipynb"))
    assert [finding.code for finding in findings] == codes


def test_the_nearest_file_up_to_the_root_of_the_repository_counts(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    repository = tmp_path / "repository"
    (repository / "notebooks").mkdir(parents=True)
    notebook = repository / "notebooks" / "n.ipynb"
    (repository / ".git").mkdir()
    assert not list(find_unpinned(PACKAGES, notebook, "n.ipynb"))
    (repository / "requirements.txt").write_text("pandas==2.1.0\npyyaml==6.0")
    assert not list(find_unpinned(PACKAGES, notebook, "n.ipynb"))
    (repository / "notebooks" / "requirements.txt").write_text("")
    assert len(list(find_unpinned(PACKAGES, notebook, "n.ipynb"))) == 2
    assert list(read_requirements(repository / "requirements.txt")) == ["pandas", "pyyaml"]
