from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.capture.editable import Editable
from jupyter_deploy.capture.installed import installed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in (
        "src/mine/__init__.py",
        "src/single.py",
        "flat/__init__.py",
        "setup.py",
        "notes/helpers.py",
        "src/space/part.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("VALUE = 1\n")
    return root


def install(site_folder: Any, project: Path, files: dict[str, str], top_level: str | None = None) -> Editable:
    site_folder.add(
        "my-project", files, top_level=top_level, direct_url={"url": project.as_uri(), "dir_info": {"editable": True}}
    )
    index = installed()
    found = index.find("my-project")
    assert found is not None
    editable = index.editable(found)
    assert editable is not None
    return editable


def test_a_source_folder_offers_all_its_modules(site_folder: Any, project: Path) -> None:
    editable = install(site_folder, project, {"_my_project.pth": f"{project / 'src'}\n"})
    assert sorted(editable.sources()) == ["mine", "single.py", "space"]
    assert editable.provides(str(project / "src/space/part.py"))
    assert [one.name for one in installed().owners(str(project / "src/mine/__init__.py"))] == ["my-project"]


def test_a_project_root_offers_its_packages_and_not_what_lies_beside_them(site_folder: Any, project: Path) -> None:
    editable = install(site_folder, project, {"__editable__.my_project-1.0.pth": str(project)})
    assert sorted(editable.sources()) == ["flat"]
    assert not editable.provides(str(project / "setup.py"))
    assert not editable.provides(str(project / "notes/helpers.py"))


def test_the_finder_of_setuptools_is_read_not_run(site_folder: Any, project: Path) -> None:
    mapping = {
        "mine": str(project / "src/mine"),
        "single": str(project / "src/single"),
        "deep.flat": str(project / "flat"),
    }
    editable = install(
        site_folder,
        project,
        {
            "__editable__.my_project-1.0.pth": "import __editable___my_project_1_0_finder; raise SystemExit",
            "__editable___my_project_1_0_finder.py": f"MAPPING: dict[str, str] = {mapping!r}\nraise SystemExit\n",
        },
        top_level="mine\nsingle\n",
    )
    assert dict(editable.sources()) == {
        "mine": project / "src/mine",
        "single.py": project / "src/single.py",
        "deep/flat": project / "flat",
    }
    assert editable.provides(str(project / "src/single.py"))
    assert not editable.provides(str(project / "src/space/part.py"))


def test_an_edit_changes_the_fingerprint(site_folder: Any, project: Path) -> None:
    editable = install(site_folder, project, {"_my_project.pth": str(project / "src")})
    before = editable.fingerprint()
    assert editable.fingerprint() == before
    (project / "src/mine/__init__.py").write_text("VALUE = 2\n")
    assert editable.fingerprint() != before
