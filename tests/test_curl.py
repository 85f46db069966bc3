"""The shell line that is there to be copied."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_deploy.curl import curl_line

WIDE = {f"column_{number}": number / 7 for number in range(8)}


@pytest.mark.parametrize(("requests", "kind", "line"), [
    ([], "any", "-d '{}'"),
    ([{"x": "it's"}], "str", """-d '{"x": "it'\\''s"}'"""),
    ([{"x": "long" * 200}, {"x": "short"}], "str", """-d '{"x": "short"}'"""),
    ([{"x": [WIDE] * 9}], "frame", "-d '" + json.dumps({"x": [WIDE]}) + "'"),
    ([{"x": {"columns": ["a"], "index": list(range(90)), "data": [[number] for number in range(90)]}}], "frame",
     """-d '{"x": {"columns": ["a"], "index": [0], "data": [[0]]}}'"""),
    ([{"x": [1] * 900}], "list", "http://here/docs has a form for it"),
])
def test_a_golden_call_that_is_short_enough(requests: list[Any], kind: str, line: str, tmp_path: Path) -> None:
    golden = [SimpleNamespace(entry="predict", file=f"{number}.json") for number in range(len(requests))]
    for one, request in zip(golden, requests, strict=True):
        (tmp_path / one.file).write_text(json.dumps({"request": request}))
    entry = SimpleNamespace(name="predict", parameters=[SimpleNamespace(name="x", type={"kind": kind})])
    manifest: Any = SimpleNamespace(entries=[entry], golden=golden)
    assert curl_line("http://here", manifest, tmp_path).endswith(line)
