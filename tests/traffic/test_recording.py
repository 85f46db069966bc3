"""Recorded traffic out of logs."""

from __future__ import annotations

import json
import re

import pytest

from jupyter_deploy.errors import UsageError
from jupyter_deploy.traffic.recording import Recorded, read_recording


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_json_lines(tmp_path):
    path = write(tmp_path / "log.jsonl", {"time": 12.5, "entry": "add", "body": {"x": 1}}, {"time": 10}, {"time": "11.25", "body": "[1]"})
    assert read_recording(path) == (
        Recorded(0.0, None, None), Recorded(1.25, None, b"[1]"), Recorded(2.5, "add", b'{"x": 1}'))
    assert [one.moment for one in read_recording(path, speed=10)] == pytest.approx([0.0, 0.125, 0.25])


def test_an_access_log(tmp_path):
    path = write(tmp_path / "worker.log",
                 {"time": "2026-01-31T08:30:00.000Z", "level": "info", "message": "sums is ready"},
                 {"time": "2026-01-31T08:30:01.000Z", "level": "info", "message": "POST /add", "status": 200},
                 {"time": "2026-01-31T08:30:01.500Z", "level": "info", "message": "POST /add", "status": 200})
    assert read_recording(path) == (Recorded(0.0, "add", None), Recorded(0.5, "add", None))


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('time,entry,body,who\n0.5,,,a\n1.5,add,"{""x"": 2}",b\n')
    assert read_recording(path) == (Recorded(0.0, None, None), Recorded(1.0, "add", b'{"x": 2}'))


@pytest.mark.parametrize(("name", "text", "where", "says"), [
    ("log.jsonl", '{"time": 1}\n{"time"\n', "line 2", "not JSON"),
    ("log.jsonl", '{"time": 1}\n{"entry": "add"}\n', "line 2", "time"),
    ("log.jsonl", '{"time": "yesterday"}\n', "line 1", "its time 'yesterday' is neither seconds nor ISO 8601(?s:.)*→ such as ..time"),
    ("log.jsonl", '{"time": NaN}\n', "line 1", "its time 'nan'"),
    ("log.jsonl", '{"time": 1, "body": "{"}\n', "line 1", "its body is not JSON"),
    ("log.jsonl", "[1]\n", "line 1", "not a record of a request: wanted an object"),
    ("log.csv", "time,entry\nx,add\n", "line 2", "neither seconds nor ISO 8601(?s:.)*the head time,entry,body"),
    ("log.csv", "when,entry\n1,add\n", "line 2", "it has no time"),
    ("log.jsonl", "", None, "no request"),
])
def test_what_is_wrong_is_named_with_its_line(tmp_path, name, text, where, says):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_recording(path)
    assert re.search(says, str(caught.value))
    assert caught.value.where == where


def test_no_such_file(tmp_path):
    with pytest.raises(UsageError, match=r"there is no such file \((?s:.)*→ give the path of a log"):
        read_recording(tmp_path / "none.jsonl")
