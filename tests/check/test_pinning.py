from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_deploy.check.pinning import find_unpinned, read_pins

PACKAGES = [{"name": "pandas", "version": "2.1.0", "reason": "cell 2 imports it", "needs": ["scipy", "numpy"]},
            {"name": "PyYAML", "version": "6.0+local", "reason": "cell 3 imports it"},
            {"name": "numpy", "version": "2.0", "reason": "required by pandas"},
            {"name": "scipy", "version": "1.0", "reason": "model is a sklearn.svm.SVC (predict → model)"},
            {"name": "pandas-extras", "version": "1", "reason": "required by pandas"},
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
    (nothing,) = find_unpinned(PACKAGES, notebook, "n.ipynb")
    assert (nothing.severity, nothing.code) == ("warning", "unpinned-requirement")
    assert nothing.advice is not None
    assert nothing.advice.endswith(": pandas==2.1.0 PyYAML==6.0")
    assert not list(find_unpinned(PACKAGES[2:3], notebook, "n.ipynb"))
    (repository / "uv.lock").write_text('[[package]]\nname = "pandas"\nversion = "2.1.0"\nsource = "x"\n\n[[package]]\n'
                                        'name = "pyyaml"\nversion = "6.0"\n')
    assert not list(find_unpinned(PACKAGES, notebook, "n.ipynb"))
    (repository / "requirements.txt").write_text("pandas==2.1.0\npyyaml==6.0")
    assert not list(find_unpinned(PACKAGES, notebook, "n.ipynb"))
    (repository / "notebooks" / "requirements.txt").write_text("")
    assert len(list(find_unpinned(PACKAGES, notebook, "n.ipynb"))) == 2
    assert list(read_pins(repository / "requirements.txt")) == ["pandas", "pyyaml"]
