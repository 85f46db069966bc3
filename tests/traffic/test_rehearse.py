"""`nbdeploy rehearse` against real endpoints: every request accounted for, every answer checked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from tiny import make_bundle, processes

from jupyter_deploy.command import main

SOURCE = """\
import os
import time

def answer(x: int) -> int:
    return 2 * x

def wait(x: float) -> float:
    time.sleep(x)
    return x

def read(x: str) -> str:
    if x == "die":
        os._exit(3)
    return x
"""
GOLDEN = [("answer", {"x": 1}, 2), ("answer", {"x": 2}, 4)]


@pytest.fixture
def deploy(local):
    def deploy(golden=GOLDEN, **options):
        make_bundle(local.folder / "bundles", "one", source=SOURCE, golden=golden)
        return local.deploy("one", **options)
    return deploy


@pytest.fixture
def rehearse(tmp_path, capsys):
    """Run the command; gives its exit code, what it printed, and the figures."""
    def rehearse(*arguments):
        file = tmp_path / "figures.json"
        code = main(["rehearse", "tiny", *arguments, "--json", str(file)])
        return code, capsys.readouterr(), json.loads(file.read_text()) if file.exists() else None
    return rehearse


def test_all_is_answered_and_told(deploy, rehearse, tmp_path):
    deploy(workers=2)
    page = tmp_path / "page.html"
    code, said, figures = rehearse("50/s for 1s; nothing for 1s; 200 at once; 100/s to 300/s in 1s", "--html", str(page))
    assert (code, figures["sent"], figures["good"], figures["lost"], figures["wrong"]) == (0, 450, 450, 0, 0)
    assert sum(second["answered"].get("200", 0) for second in figures["seconds"]) == 450
    assert figures["p50"] <= figures["p99"] <= figures["p99.9"]
    assert [round(first["moment"]) for first in figures["firsts"]] == [0, 2]
    assert figures["most_workers"] == 2
    assert figures["worker_seconds"] == pytest.approx(2 * figures["duration"], rel=0.2)
    assert figures["needed"] > 0
    assert "none lost, none wrong" in said.out
    assert "requests/s" in said.out
    text = page.read_text()
    assert text.count("<svg") == 3
    assert f"Version {figures['version']}, 20" in text
    assert "none lost, none wrong" in text
    assert "://" not in text  # a page without anything beside it


def test_an_answer_that_is_not_the_notebooks_is_found(deploy, rehearse):
    deploy([("answer", {"x": 1}, 2), ("answer", {"x": 2}, 5)])
    code, said, figures = rehearse("10 at once")
    assert (code, figures["good"], figures["wrong"]) == (1, 10, 5)
    assert "answer: the notebook's 5, the service's 4" in said.out
    assert "none lost, 5 wrong" in said.out
    assert said.out.count("wrong  ") == 2  # the curve and an example


def test_what_a_canary_answers_is_told_apart(deploy, rehearse, local):
    first = deploy()
    make_bundle(local.folder / "bundles", "two", source=SOURCE.replace("2 * x", "3 * x"), golden=GOLDEN)
    second = local.deploy("two", canary=0.5)
    code, said, figures = rehearse("20 at once")
    assert (code, figures["good"], figures["wrong"]) == (0, 20, 0)
    assert (figures["others"][second.version]["answers"], figures["others"][second.version]["wrong"]) == (10, 10)
    assert f"version {second.version} answers 50% of the requests (canary)" in said.err
    assert f"none lost, none wrong; 10 answered by version {second.version}, 10 of them otherwise" in said.out
    assert f"from the notebook of {first.version}: none of them counts as wrong" in said.out


def test_a_silence_at_the_end_is_watched(deploy, rehearse):
    deploy()
    code, _, figures = rehearse("5 at once; nothing for 2s")
    assert (code, figures["good"]) == (0, 5)
    assert figures["duration"] >= 2
    assert figures["worker_seconds"] == pytest.approx(figures["duration"], rel=0.2)
    assert len(figures["seconds"]) == 2
    assert all(second["workers"] == 1 for second in figures["seconds"])


def test_latency_counts_from_the_moment_at_which_a_request_was_due(deploy, rehearse):
    """Five at once over one connection, 0.2 s each: the last waited for the others, and the figures say so."""
    deploy([("wait", {"x": 0.2}, 0.2)])
    code, _, figures = rehearse("5 at once", "--connections", "1")
    assert (code, figures["good"]) == (0, 5)
    assert figures["p99"] >= 0.9


@pytest.mark.parametrize("workers", ["2", "auto"])
def test_a_copy_is_loaded_in_its_place_and_leaves_nothing(deploy, rehearse, local, workers):
    deploy()
    before = len(processes(local.folder))
    code, said, figures = rehearse("100 at once", "--copy", "--workers", workers)
    assert (code, figures["good"], figures["copied"]) == (0, 100, True)
    assert workers == "auto" or figures["most_workers"] == 2
    assert "rehearsal of a copy of tiny, version" in said.out
    assert [status.name for status in local.target.status()] == ["tiny"]
    assert len(processes(local.folder)) == before


def test_a_recorded_log(deploy, rehearse, tmp_path):
    deploy()
    log = tmp_path / "log.jsonl"
    records = [{"time": number / 100, **({"entry": "read", "body": {"x": "a"}} if number % 2 else {"entry": "answer"})}
               for number in range(40)]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    code, said, figures = rehearse("--log", str(log), "--speed", "2")
    assert (code, figures["good"], figures["unchecked"]) == (0, 40, 20)
    assert "20 answers to recorded bodies" in said.out


def test_a_worker_that_dies_loses_what_is_inside_it_and_nothing_else(deploy, rehearse, tmp_path):
    """One request in a hundred kills its worker; with two connections at most two are inside it."""
    deploy(workers=2)
    log = tmp_path / "log.jsonl"
    records = [{"time": number / 50, **({"entry": "read", "body": {"x": "die"}} if number == 50 else {"entry": "answer"})}
               for number in range(100)]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    code, said, figures = rehearse("--log", str(log), "--connections", "2")
    assert code == 1
    assert figures["sent"] == 100
    assert 1 <= figures["lost"] <= 2
    assert figures["good"] == 100 - figures["lost"]
    assert "the connection ended" in said.out


WRONG_USE = [
    ((), "say what to play"),
    (("1 at once", "--log", "x"), "say what to play"),
    (("3000000 in 1m",), "add --yes"),
    (("1/s for 16m",), "add --yes"),
    (("100000000 in 1h", "--yes"), "at most 50,000,000"),
    (("1 at once", "--workers", "2"), "add --copy"),
    (("1 at one",), "wanted / and a unit"),
    (("1 at once", "--html", "/no/such/folder/x.html"), "there is no folder"),
    (("1 at once", "--connections", "0"), "wanted more than 0"),
    (("--log", "/no/such/log"), "there is no such file"),
]


def test_wrong_use(deploy, rehearse):
    deploy()
    for arguments, says in WRONG_USE:
        code, said, _ = rehearse(*arguments)
        assert (code, says in said.err) == (2, True), said.err


def test_only_what_is_deployed_can_be_loaded(local, rehearse):
    code, said, _ = rehearse("1 at once")
    assert code == 2
    assert "there is no local deployment 'tiny'" in said.err


def test_a_version_without_golden_calls(deploy, rehearse):
    deploy([])
    code, said, _ = rehearse("1 at once")
    assert code == 2
    assert "deployed without a golden call" in said.err


def test_an_interrupted_rehearsal_tells_what_was_done(deploy, until, tmp_path):
    deploy()
    file, errors = tmp_path / "figures.json", tmp_path / "errors"
    with errors.open("wb") as sink, subprocess.Popen(
        [sys.executable, "-m", "jupyter_deploy", "rehearse", "tiny", "20/s for 5m", "--json", str(file)],
        stdout=subprocess.PIPE, stderr=sink, text=True, env={**os.environ, "NO_COLOR": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        until(lambda: b"answered" in errors.read_bytes(), 60)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    figures = json.loads(file.read_text())
    assert process.returncode == 0
    assert "of 6,000 requests" in said
    assert "ended early" in said
    assert figures["interrupted"]
    assert 0 < figures["sent"] == figures["good"] < 6000
