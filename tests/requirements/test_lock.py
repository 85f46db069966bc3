from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from jupyter_deploy.requirements import Distribution, Requirements, Source, write_lock

LINES = [
    (Source(), "tool==1.0+cpu  # cell 1 imports it"),
    (Source("vcs", "https://host/tool.git", "git", "abc"), "tool @ git+https://host/tool.git@abc  # version 1.0+cpu; cell 1 imports it"),
    (Source("vcs", "https://me:secret@host/tool.git", "git", "abc", "py"),
     "tool @ git+https://host/tool.git@abc#subdirectory=py  # version 1.0+cpu; cell 1 imports it"),
    (Source("vcs", "ssh://git@host/tool.git", "git", "abc"),
     "tool @ git+ssh://git@host/tool.git@abc  # version 1.0+cpu; cell 1 imports it"),
    (Source("archive", "https://token@host/t.whl", digest="sha256=12"),
     "tool @ https://host/t.whl#sha256=12  # version 1.0+cpu; cell 1 imports it"),
    (Source("editable", "/home/me/tool", digest="12ab"), "tool==1.0+cpu  # editable project, sources 12ab; cell 1 imports it"),
    (Source("local", "/home/me/tool-1%2Bcpu.whl"),
     "tool==1.0+cpu  # installed from the local file tool-1+cpu.whl, not from an index; cell 1 imports it"),
    (Source("local", "/home/me/tool"), "tool==1.0+cpu  # installed from a local folder, not from an index; cell 1 imports it"),
]


@pytest.mark.parametrize(("source", "line"), LINES)
def test_each_distribution_is_a_line_that_pip_reads(source: Source, line: str) -> None:
    tool = Distribution("tool", "1.0+cpu", "/home/me/site-packages", "cell 1\n imports it", source)
    text = write_lock(Requirements("3.11", "/usr/bin/python3", (tool,)))
    assert text == f"# What the service needs, pinned to what the notebook ran on (Python 3.11).\n{line}\n"
    assert "/home" not in text
    assert Requirement(line.split("  # ")[0]).name == "tool"
