from __future__ import annotations

from typing import Any

import pytest

from jupyter_deploy.capture.installed import Installed
from jupyter_deploy.requirements import Source, resolve
from jupyter_deploy.requirements.distributions import read_metadata

SOURCES = [
    (None, Source()),
    ({"url": "https://host/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "py"},
     Source("vcs", "https://host/a.git", "git", "abc", "py")),
    ({"url": "https://host/a-1.whl", "archive_info": {"hashes": {"sha256": "12"}, "hash": "sha256=12"}},
     Source("archive", "https://host/a-1.whl", digest="sha256=12")),
    ({"url": "https://host/a-1.zip", "archive_info": {}}, Source("archive", "https://host/a-1.zip")),
    ({"url": "file:///here/a-1.whl", "archive_info": {}}, Source("local", "/here/a-1.whl")),
    ({"url": "file:///here/a", "dir_info": {}}, Source("local", "/here/a")),
]


@pytest.mark.parametrize(("direct_url", "source"), SOURCES)
def test_the_source_is_what_the_installer_noted(site_folder: Any, direct_url: Any, source: Source) -> None:
    site_folder.add("tool", {"tool.py": ""}, direct_url=direct_url)
    (found,) = resolve({"tool": "cell 1"}, runtime=False).distributions
    assert found.source == source
    assert found.location == str(site_folder.path)


def test_a_project_that_setup_py_develop_linked(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "src" / "developed.egg-info"
    info.mkdir(parents=True)
    (info / "PKG-INFO").write_text("Name: developed\nVersion: 0.3\n")
    (info / "top_level.txt").write_text("developed\n")
    (info / "requires.txt").write_text('numpy\n\n[more]\npandas\n\n[:python_version < "3"]\nscipy\n')
    (tmp_path / "src" / "developed.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    developed, numpy = resolve({"developed": "cell 1"}, runtime=False).distributions
    assert (developed.version, developed.source.kind) == ("0.3", "editable")
    assert numpy.reason == "required by developed"


def test_headers_may_be_folded_and_followed_by_a_description(site_folder: Any) -> None:
    info = site_folder.add("folded")
    (info / "METADATA").write_bytes(b"Name: Folded\r\nVersion: 1\r\nRequires-Dist: a\r\n  >=1\r\n\r\nRequires-Dist: not-this\r\n")
    metadata = read_metadata(Installed("folded", str(site_folder.path), info.name))
    assert (metadata.name, metadata.requires) == ("Folded", ("a >=1",))
