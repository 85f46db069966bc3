from __future__ import annotations

import json
from itertools import islice

from jupyter_deploy.targets.local import logs
from jupyter_deploy.targets.local.logs import follow_log, read_log, rotate_logs


def write(path, *lines):
    with path.open("a") as file:
        file.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)


def line(second, message):
    return {"time": f"2026-01-01T00:00:{second:02}Z", "level": "info", "message": message}


def messages(lines):
    return [(one["version"], one["message"]) for one in lines]


def test_the_last_lines_of_all_versions_in_the_order_of_their_times(tmp_path):
    write(tmp_path / "a.log", line(1, "one"), line(3, "three"), "Segmentation fault", '["no object"]')
    write(tmp_path / "b.log", line(2, "two"), line(4, "four"))
    assert messages(read_log(tmp_path, 100)) == [
        ("a", "one"), ("b", "two"), ("a", "three"), ("a", "Segmentation fault"), ("a", '["no object"]'), ("b", "four"),
    ]
    assert messages(read_log(tmp_path, 2)) == [("a", '["no object"]'), ("b", "four")]
    assert read_log(tmp_path, 0) == []


def test_a_long_log_is_read_from_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "_BLOCK", 64)
    write(tmp_path / "a.log", *(line(number % 60, f"{number:03}") for number in range(50)))
    assert messages(read_log(tmp_path, 3)) == [("a", "047"), ("a", "048"), ("a", "049")]


def test_follow_goes_on_with_what_comes(tmp_path):
    write(tmp_path / "a.log", line(1, "one"))
    following = follow_log(tmp_path, 10)
    assert messages(islice(following, 1)) == [("a", "one")]
    write(tmp_path / "a.log", line(2, "two"))
    write(tmp_path / "b.log", line(3, "three"))
    assert messages(islice(following, 2)) == [("a", "two"), ("b", "three")]
    (tmp_path / "a.log").write_text("")
    assert messages(islice(following, 0)) == []
    write(tmp_path / "b.log", line(4, "four"))
    assert messages(islice(following, 1)) == [("b", "four")]


def test_logs_are_bounded_in_size_and_number(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LIMIT", 100)
    monkeypatch.setattr(logs, "VERSIONS_KEPT", 2)
    for version in ("a", "b", "c"):
        write(tmp_path / f"{version}.log", line(1, version))
    with (tmp_path / "c.log").open("ab") as held:
        held.write(b"x" * 200 + b"\n")
        held.flush()
        rotate_logs(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b.log", "c.log", "c.older"]
        held.write(b"after\n")
    assert (tmp_path / "c.log").read_bytes() == b"after\n"
