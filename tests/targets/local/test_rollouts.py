"""A version beside the live one: canaries, shadows, and how they end."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading

import httpx
import pytest
from callers import Load
from tiny import SERVICE, make_bundle, processes

from jupyter_deploy.errors import TargetError, UsageError
from jupyter_deploy.listing import format_status
from jupyter_deploy.registry import data_dir
from jupyter_deploy.rollouts import read_differences
from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.local.options import LocalOptions


def kinds(local):
    return [event["kind"] for event in local.target.status("tiny")[0].events]


def test_a_canary_gets_its_share_to_the_request_and_is_promoted(local):
    first = local.deploy("one")
    beside = local.deploy("two", canary=0.1)
    assert (beside.url, beside.beside) == (first.url, "canary (10% of the requests)")
    with httpx.Client(base_url=first.url) as client:
        answers = [client.post("/answer", json={"x": number}) for number in range(200)]
        seen = [answer.json()["version"] for answer in answers]
        assert [number for number, version in enumerate(seen) if version == "two"] == list(range(9, 200, 10))
        assert {(answer.json()["version"], answer.headers["x-nbdeploy-version"]) for answer in answers} == {
            ("one", first.version), ("two", beside.version)}
        assert [answer.json()["x"] for answer in answers] == list(range(200))
        status = local.target.status("tiny")[0]
        assert (status.version, status.rollout["version"]) == (first.version, beside.version)
        assert "live, canary 10%" in format_status(status)
        assert local.target.promote("tiny").version == beside.version
    assert httpx.post(f"{first.url}/answer", json={"x": 1}).json()["version"] == "two"
    status = local.target.status("tiny")[0]
    assert (status.version, status.rollout) == (beside.version, None)
    assert kinds(local) == ["deployed", "canary", "promoted"]
    assert "x-nbdeploy-version" not in httpx.post(f"{first.url}/answer", json={"x": 1}).headers
    assert local.target.rollback("tiny").version == first.version


def post(url, x, **headers):
    return httpx.post(f"{url}/answer", json={"x": x}, headers=headers)


def figures(local):
    return local.target.status("tiny")[0].rollout["figures"]


def test_a_caller_with_a_key_meets_one_version_and_a_larger_share_moves_keys_one_way(local):
    url = local.deploy("one").url
    met = {}
    for share in (0.2, 0.5):
        local.deploy("two", canary=share)
        with httpx.Client(base_url=url) as client:
            for key in map(str, range(60)):
                seen = {client.post("/answer", json={"x": 1}, headers={"x-nbdeploy-key": key}).json()["version"]
                        for _ in range(3)}
                assert len(seen) == 1
                met.setdefault(key, []).append(seen.pop())
    moves = {tuple(versions) for versions in met.values()}
    assert moves == {("one", "one"), ("one", "two"), ("two", "two")}


FAILING = SERVICE.replace("    return {{", "    if x % 2: raise ValueError(x)\n    return {{")


def test_a_canarys_errors_are_relayed_and_counted_and_it_is_taken_away(local, until):
    url = local.deploy("one").url
    make_bundle(local.folder / "bundles", "bad", source=FAILING)
    bad = local.deploy("bad", canary=0.5)
    with httpx.Client(base_url=url) as client:
        answers = [client.post("/answer", json={"x": number}) for number in range(40)]
    failed = [answer for answer in answers if answer.status_code == 500]
    assert 3 <= len(failed) <= 20  # it may be taken away before the last
    assert all("id" in answer.json()["error"] for answer in failed)
    until(lambda: local.target.status("tiny")[0].rollout is None)
    event = local.target.status("tiny")[0].events[-1]
    assert event["kind"] == "aborted"
    assert event["text"].startswith(f"version {bad.version} is taken away: ")
    assert "answers are errors (100%)" in event["text"]
    assert {post(url, 1).json()["version"] for _ in range(4)} == {"one"}
    until(lambda: not [line for line in processes(local.folder / "bundles" / "bad") if "serve" in line])


def test_no_request_fails_when_the_canarys_worker_is_killed(local, until):
    url = local.deploy("one").url
    local.deploy("two", canary=0.5)
    with Load(url).running() as load:
        for _ in range(2):
            seen = load.versions()["two"]
            until(lambda seen=seen: load.versions()["two"] > seen + 20)
            pid = next(answer["pid"] for answer in reversed(load.answers) if answer["version"] == "two")
            os.kill(pid, signal.SIGKILL)
    assert load.failures == []
    assert "worker-died" in kinds(local)


def test_a_call_that_a_killed_canary_had_begun_is_answered_by_the_live_version(local, until):
    url = local.deploy("one").url
    local.deploy("two", canary=0.999)
    answers = []
    with httpx.Client(base_url=url) as client:
        first, second = client.post("/answer", json={"x": 1}).json(), client.post("/answer", json={"x": 1}).json()
    assert (first["version"], second["version"]) == ("one", "two")
    caller = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/wait", json={"x": 0.5}).json()))
    caller.start()
    until(lambda: "in_progress 1" in httpx.get(f"{url}/metrics").text)
    os.kill(second["pid"], signal.SIGKILL)
    caller.join()
    assert answers == [0.5]
    until(lambda: figures(local)["returned"] == 1)


def test_a_canary_is_promoted_by_itself_when_its_time_has_passed(local, until):
    url = local.deploy("one").url
    second = local.deploy("two", canary=0.5, promote_after=1.0, min_requests=10)
    assert "missing" in format_status(local.target.status("tiny")[0])
    with Load(url).running() as load:
        until(lambda: local.target.status("tiny")[0].version == second.version)
    assert load.failures == []
    event = local.target.status("tiny")[0].events[-1]
    assert event["kind"] == "promoted"
    assert "0 errors, p95" in event["text"]


OTHER = SERVICE.replace('"x": x,', '"x": x + (0.5 if x % 4 == 0 else 0),').replace('"pid": os.getpid()', '"pid": 1')


def test_a_shadow_answers_nobody_and_is_compared(local, until):
    make_bundle(local.folder / "bundles", "one", source=SERVICE.replace('"pid": os.getpid()', '"pid": 1'))
    make_bundle(local.folder / "bundles", "two", source=OTHER.replace("{version}", "one"))
    url = local.deploy("one").url
    second = local.deploy("two", shadow=True)
    assert second.beside == "shadow (copies of all requests)"
    with httpx.Client(base_url=url) as client:
        assert [client.post("/answer", json={"x": x}).json()["x"] for x in range(40)] == list(range(40))
        assert client.post("/answer", json={"x": "no"}).status_code == 422
    until(lambda: figures(local)["compared"] == 41)
    found = figures(local)
    assert (found["agreed"], found["disagreed"], found["failed"], found["largest"]) == (31, 10, 0, 0.5)
    assert (found["live"]["requests"], found["other"]["requests"]) == (41, 41)
    assert (found["live"]["p95"] is None, found["other"]["p95"]) == (False, None)  # copies wait for each other
    rows = list(read_differences("tiny"))
    assert sorted(row["live"] for row in rows) == list(range(0, 40, 4))  # answered in several threads
    x = rows[0]["live"]
    assert (rows[0]["entry"], rows[0]["path"], rows[0]["shadow"], rows[0]["input"]) == (
        "answer", ["x"], x + 0.5, {"x": x})
    (file,) = (data_dir() / "rollouts" / "tiny").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = format_status(local.target.status("tiny")[0])
    assert "75.6% of 41 equal, largest difference 0.5" in shown
    assert f'answer.x: live {x}, shadow {x + 0.5}, for {{"x": {x}}}' in shown
    assert "nbdeploy_requests_total" in httpx.get(f"{url}/metrics").text
    assert local.target.promote("tiny").version == second.version
    assert post(url, 4).json()["x"] == 4.5
    local.target.delete("tiny")
    assert not file.exists()


def test_a_shadow_that_differs_too_often_is_taken_away(local, until):
    url = local.deploy("one").url
    local.deploy("two", shadow=True, max_disagreement=0.05, promote_after=60.0)
    with httpx.Client(base_url=url) as client:
        for x in range(20):
            client.post("/answer", json={"x": x})
    until(lambda: local.target.status("tiny")[0].rollout is None)
    assert "answers differ (100%); 5% may" in local.target.status("tiny")[0].events[-1]["text"]
    assert list(read_differences("tiny"))  # to be looked at, until the next one


def test_what_ends_a_canary(local):
    first = local.deploy("one")
    second = local.deploy("two", canary=0.5)
    assert local.target.abort("tiny").version == first.version
    with pytest.raises(TargetError, match=r"no version is tried beside the live one of tiny\n.*--canary"):
        local.target.abort("tiny")
    with pytest.raises(TargetError, match="no version is tried"):
        local.target.promote("tiny")
    local.deploy("two", canary=0.5)
    assert local.target.rollback("tiny").version == first.version  # the last release is the canary
    local.deploy("two", canary=0.5)
    third = local.deploy("three")
    assert "instead" in local.target.status("tiny")[0].events[-2]["text"]
    local.deploy("two", canary=0.5)
    assert local.target.rollback("tiny", first.version).version == first.version
    local.deploy("two", shadow=True)
    local.deploy("two", canary=0.5)
    assert kinds(local)[-2:] == ["shadow", "canary"]  # the same version, tried in another way, is no loss
    local.deploy("three", canary=0.5)
    assert local.target.status("tiny")[0].rollout["version"] == third.version
    local.target.stop("tiny")
    local.target.start("tiny")
    status = local.target.status("tiny")[0]
    assert (status.version, status.rollout) == (first.version, None)
    assert {post(first.url, 1).json()["version"] for _ in range(4)} == {"one"}
    local.deploy("two", canary=0.5)
    local.target.delete("tiny")
    assert second.version != first.version
    assert not [line for line in processes(local.folder / "bundles") if "serve" in line]


def test_a_canary_that_lacks_an_entry_is_told_and_a_number_names_a_version(local):
    first = local.deploy("one")
    make_bundle(local.folder / "bundles", "two", source=SERVICE.replace("def wait", "def _wait"))
    assert local.deploy("two", canary=0.5).lacks == ("wait",)
    assert "lacks    the live version has wait, which this one lacks" in format_status(local.target.status("tiny")[0])
    promoted = local.target.promote("tiny")  # by a person, who has been told
    assert promoted.lacks == ("wait",)
    assert local.target.rollback("tiny").version == first.version
    with pytest.raises(TargetError, match=r"no version before .*\n.*rollback tiny --to V; its versions are"):
        local.target.rollback("tiny")
    assert local.target.rollback("tiny", "2").version == promoted.version


def test_a_canary_that_lacks_an_entry_is_not_promoted_by_itself(local, until):
    first = local.deploy("one")
    make_bundle(local.folder / "bundles", "two", source=SERVICE.replace("def wait", "def _wait"))
    local.deploy("two", canary=0.5, promote_after=0.5, min_requests=4)
    for x in range(20):
        post(first.url, x)
    until(lambda: "a person who promotes it" in str(local.target.status("tiny")[0].rollout["waits_for"]))
    assert local.target.status("tiny")[0].version == first.version


def test_a_canary_comes_back_after_the_supervisor_was_killed(local, until):
    first = local.deploy("one")
    second = local.deploy("two", canary=0.5, promote_after=3600.0)
    os.kill(local.supervisor(), signal.SIGKILL)
    until(lambda: (found := local.target.status("tiny")[0].rollout) and found["version"] == second.version)
    with httpx.Client(base_url=first.url) as client:
        assert {client.post("/answer", json={"x": x}).json()["version"] for x in range(4)} == {"one", "two"}
    assert local.target.status("tiny")[0].rollout["rules"]["promote_after"] == 3600.0
    assert kinds(local) == ["deployed", "canary", "restored", "resumed"]


def test_a_canary_that_cannot_come_back_is_given_up(local, until):
    local.deploy("one")
    local.deploy("two", canary=0.5)
    stop_supervisor()
    (local.folder / "bundles" / "two" / "service.py").write_text("broken")
    until(lambda: kinds(local)[-1] == "aborted")
    assert "did not come back" in local.target.status("tiny")[0].events[-1]["text"]


def test_what_cannot_be_tried(local):
    with pytest.raises(TargetError, match=r"--canary: tiny has no live version.*\n.*without --canary"):
        local.deploy("one", canary=0.5)
    local.deploy("one")
    with pytest.raises(TargetError, match=r"--shadow: version .* is live already"):
        local.deploy("one", shadow=True)
    with pytest.raises(TargetError, match="--host and --port cannot change"):
        local.deploy("two", canary=0.5, port=8999)
    with pytest.raises(TargetError, match="API key"):
        local.deploy("two", canary=0.5, api_key="key")
    assert local.target.status("tiny")[0].rollout is None


@pytest.mark.parametrize(("options", "message"), [
    ({"canary": 0.5, "shadow": True}, "two ways"), ({"canary": 1.0}, "found 100%"), ({"canary": 0.0}, "wanted a share"),
    ({"promote_after": 60.0}, r"--promote-after is a rule.*\n.*--canary 10%"),
    ({"canary": 0.1, "max_disagreement": 0.1}, "rule for a shadow"), ({"shadow": True, "max_slowdown": 2}, "rule for a canary"), ({"canary": 0.1, "max_slowdown": -1}, "wanted 0 or more"),
])
def test_options_that_make_no_sense(options, message):
    with pytest.raises(UsageError, match=message):
        LocalOptions(**options)


def test_a_key_is_asked_for_by_both_versions(local):
    url = local.deploy("one", api_key="geheim").url
    local.deploy("two", canary=0.5, api_key="geheim")
    with httpx.Client(base_url=url) as client:
        assert {client.post("/answer", json={"x": 1}).status_code for _ in range(4)} == {401}
        seen = {json.dumps(client.post("/answer", json={"x": 1}, headers={"x-api-key": "geheim"}).json()["version"])
                for _ in range(4)}
    assert seen == {'"one"', '"two"'}
