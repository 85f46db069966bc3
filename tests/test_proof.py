from __future__ import annotations

import math
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_deploy.proof import Difference, compare, is_rounding, prove, table
from jupyter_deploy.runtime.manifest import GoldenCall


@pytest.mark.parametrize(
    ("notebook", "service", "paths"),
    [
        (1, 1, []),
        (1, 1.0, ["answer"]),
        (True, 1, ["answer"]),
        (None, 0, ["answer"]),
        (0.1 + 0.2, 0.3, ["answer"]),
        (math.nan, math.nan, []),
        ("a", "a", []),
        ([1, 2], [1, 3], ["answer[1]"]),
        ([1, 2], [1], ["answer"]),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, ["answer.a.b[0]"]),
        ({"a": 1}, {"b": 1}, ["answer.a", "answer.b"]),
        ({"a": None}, {}, ["answer.a"]),
        ([{"x": 1}], {"x": 1}, ["answer"]),
    ],
)
def test_compare_is_exact(notebook: object, service: object, paths: list[str]) -> None:
    assert [path for path, _, _ in compare(notebook, service, "answer")] == paths


def test_table_shows_call_place_and_both_answers() -> None:
    text = table((Difference("predict", "cell [3]", "answer[0]", "0.5", "0.7"),))
    assert [line.split() for line in text.splitlines()][2] == ["predict", "(cell", "[3])", "answer[0]", "0.5", "0.7"]


@pytest.mark.parametrize(("notebook", "service", "rounding"), [
    ("0.1", "0.10000000000000002", True), ("-1e-17", "2e-17", True), ("-144.038330078125", "-144.03831481933594", True),
    ("0.5", "0.50001", False), ("1.0", "1.1", False), ("0.0", "1.5e-17", True),
    ("12", "13", False), ("a", "b", False), ("0.5", "504: ...", False),
])  # fmt: skip
def test_rounding_is_told_from_other_differences(notebook: str, service: str, rounding: bool) -> None:
    assert is_rounding((Difference("predict", "cell [3]", "answer", notebook, service),)) is rounding
    assert not is_rounding(())


class Overdue(BaseHTTPRequestHandler):
    """Answers as a service does whose entry hangs."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        data = b'{"error": {"type": "timeout", "message": "the entry f did not answer within 60 s"}}'
        self.send_response(504)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        pass


def test_nothing_more_is_asked_of_a_service_that_hangs(tmp_path: Path) -> None:
    calls = tuple(GoldenCall("f", f"{number}.json", f"cell {number}") for number in range(3))
    for call in calls:
        (tmp_path / call.file).write_text('{"request": {}, "answer": 1, "kind": "int"}')
    with HTTPServer(("127.0.0.1", 0), Overdue) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = prove(tmp_path, SimpleNamespace(golden=calls, tolerance=(0.0, 0.0)), f"http://127.0.0.1:{server.server_port}")  # type: ignore[arg-type]
        server.shutdown()
    assert (found.calls, found.equal, found.timed_out) == (3, 0, True)
    assert [one.service for one in found.differences] == ["504: the entry f did not answer within 60 s"]
