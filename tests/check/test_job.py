from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.check.job import Job, parse_job, read_parameter_sets
from jupyter_deploy.errors import UsageError


def test_a_job_travels_as_json() -> None:
    job = Job("n.ipynb", {"x": 1}, "x-1", "out.ipynb", entries=("f",), golden={"s": [{"entry": "f", "request": {"x": 1}}]})
    assert parse_job(job.dump()) == job
    assert job.title == "n.ipynb [x-1]"


@pytest.mark.parametrize(("text", "expected"), [
    ("trees: 100\ndata: a.csv", [({"trees": 100, "data": "a.csv", "given": 1}, "")]),
    ("- {region: uk, trees: 5}\n- {region: fr, trees: 5}",
     [({"region": "uk", "trees": 5, "given": 1}, "region-uk"), ({"region": "fr", "trees": 5, "given": 1}, "region-fr")]),
    ("- {a: x y}\n- {a: x/y}\n- {a: z}", [({"a": "x y", "given": 1}, "a-x-y-1"), ({"a": "x/y", "given": 1}, "a-x-y-2"),
                                          ({"a": "z", "given": 1}, "a-z")]),
    ("- {a: 1}", [({"a": 1, "given": 1}, "set-1")]),
])
def test_parameter_sets(text: str, expected: list[tuple[dict[str, Any], str]], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(text)
    assert [(dict(one.values), one.label) for one in read_parameter_sets(tmp_path / "p.yaml", {"given": 1})] == expected


@pytest.mark.parametrize("text", ["", "just text", "- 1\n- 2", "{1: 2}", "a: [unclosed", "[]"])
def test_what_is_no_set_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UsageError):
        read_parameter_sets(tmp_path / "p.yaml", {})


def test_without_a_file_there_is_one_set() -> None:
    (only,) = read_parameter_sets(None, {"x": 1})
    assert (only.values, only.label) == ({"x": 1}, "")
