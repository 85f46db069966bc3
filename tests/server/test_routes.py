"""The routes of the Jupyter server: a real server, a real supervisor, a real endpoint."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
from jupyter_server.auth import Authorizer
from tiny import ENVIRONMENT, make_bundle
from tornado.httpclient import HTTPClientError

from jupyter_deploy import __version__
from jupyter_deploy.metrics import Sample
from jupyter_deploy.registry import add_sample, data_dir, open_registry, registry_path, roll_up
from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.local.target import LocalTarget


@pytest.fixture
def jp_server_config(jp_server_config):
    return {"ServerApp": {"jpserver_extensions": {"jupyter_deploy": True}, "allow_unauthenticated_access": False}}


@pytest.fixture
def jp_argv():
    return []


@pytest.fixture
def tiny(jp_environ, tmp_path: Path) -> Iterator[LocalTarget]:
    """Give the local target with two versions of the endpoint `tiny`."""
    target = LocalTarget()
    for version in ("one", "two"):
        plan = target.plan(make_bundle(tmp_path / "bundles", version), name="tiny", environment=ENVIRONMENT,
                           options=LocalOptions())
        target.apply(plan, target.stage(plan), {"calls": 1, "equal": 1})
    yield target
    stop_supervisor()


async def get(jp_fetch, *path: str, **parameters: str):
    return json.loads((await jp_fetch("nbdeploy", *path, params=parameters)).body)


async def post(jp_fetch, *path: str, body: object = None, **headers: str):
    return json.loads((await jp_fetch("nbdeploy", *path, method="POST", body=json.dumps(body or {}), headers=headers)).body)


async def refused(awaitable) -> tuple[int, dict]:
    with pytest.raises(HTTPClientError) as failure:
        await awaitable
    return failure.value.code, json.loads(failure.value.response.body)["error"]


async def test_the_server_tells_its_version(jp_fetch) -> None:
    told = await get(jp_fetch, "server")
    assert told["version"] == __version__
    assert "local" in told["targets"]


def test_the_front_end_is_of_the_same_version() -> None:
    package = Path(__file__).parents[2] / "labextension" / "package.json"
    assert json.loads(package.read_text())["version"] == __version__


async def test_no_endpoints_is_an_empty_list(jp_fetch) -> None:
    assert await get(jp_fetch, "endpoints") == []


async def test_an_endpoint_is_listed_shown_called_rolled_back_and_stopped(jp_fetch, tiny: LocalTarget) -> None:
    (listed,) = await get(jp_fetch, "endpoints")
    assert (listed["name"], listed["state"], len(listed["spark"])) == ("tiny", "live", 60)
    before = listed["version"]
    shown = await get(jp_fetch, "endpoints", "tiny", since="0", resolution="60")
    assert {"time", "rate", "p95", "batch", "gpu_memory"} <= set(shown["fields"])
    assert [version["live"] for version in shown["status"]["versions"]] == [True, False]
    entries = await get(jp_fetch, "endpoints", "tiny", "entries")
    assert [entry["name"] for entry in entries["entries"]] == ["answer", "wait", "read"]
    assert entries["entries"][0]["schema"]["properties"]["x"]["type"] == "integer"
    assert (await post(jp_fetch, "endpoints", "tiny", "call", "answer", body={"x": 5}))["x"] == 5
    assert await get(jp_fetch, "endpoints", "tiny", "logs", lines="10")
    assert (await post(jp_fetch, "endpoints", "tiny", "rollback"))["version"] != before
    assert (await post(jp_fetch, "endpoints", "tiny", "stop"))["state"] == "stopped"
    code, error = await refused(post(jp_fetch, "endpoints", "tiny", "call", "answer", body={"x": 5}))
    assert (code, error["type"]) == (409, "ServiceError")
    assert (await post(jp_fetch, "endpoints", "tiny", "start"))["state"] == "live"
    assert (await post(jp_fetch, "endpoints", "tiny", "delete")) == {"name": "tiny"}
    assert await get(jp_fetch, "endpoints") == []


async def test_the_endpoints_own_refusal_comes_through(jp_fetch, tiny: LocalTarget) -> None:
    code, error = await refused(post(jp_fetch, "endpoints", "tiny", "call", "answer", body={"x": "no"}))
    assert code == 422
    assert error["field"] == "x"


async def test_documentation_goes_through_the_server(jp_fetch, tiny: LocalTarget) -> None:
    page = await jp_fetch("nbdeploy", "endpoints", "tiny", "call", "docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert (await get(jp_fetch, "endpoints", "tiny", "call", "openapi.json"))["openapi"] == "3.1.0"


@pytest.mark.parametrize(("path", "code"), [
    (("endpoints", "nobody"), 404),
    (("endpoints", "nobody", "entries"), 404),
    (("endpoints", "nobody", "logs"), 404),
    (("endpoints", "nobody", "call", "openapi.json"), 404),
    (("endpoints", "nobody", "call", "docs"), 404),
    (("endpoints", "Not a name"), 400),
])
async def test_what_is_not_in_the_registry_is_refused_with_a_sentence(jp_fetch, path, code) -> None:
    status, error = await refused(jp_fetch("nbdeploy", *path))
    assert status == code
    assert error["message"]
    assert error["advice"]


@pytest.mark.parametrize("path", ["..%2Fmetrics", "metrics", "127.0.0.1:9"])
async def test_only_entries_can_be_called(jp_fetch, tiny: LocalTarget, path: str) -> None:
    code, error = await refused(post(jp_fetch, "endpoints", "tiny", "call", path))
    assert code == 400
    assert "answer, wait, read" in error["advice"]


async def test_wrong_numbers_are_refused(jp_fetch, tiny: LocalTarget) -> None:
    assert (await refused(get(jp_fetch, "endpoints", "tiny", since="soon")))[0] == 400
    assert (await refused(get(jp_fetch, "endpoints", "tiny", resolution="7")))[0] == 400
    for word in ("nan", "inf", "-inf", "1e999"):
        assert (await refused(get(jp_fetch, "endpoints", "tiny", resolution=word)))[0] == 400
        assert (await refused(get(jp_fetch, "endpoints", "tiny", "logs", lines=word)))[0] == 400


async def test_a_history_comes_in_pieces_that_fit(jp_fetch, tiny: LocalTarget) -> None:
    now = time.time() // 60 * 60
    with closing(open_registry(registry_path())) as registry:
        for second in range(1, 800):
            add_sample(registry, "tiny", Sample(now - 800 + second, 1.0, 2, 1, {0.001: 2}, batches=1, batched=2))
        roll_up(registry, "tiny", now - 100)
    whole = await get(jp_fetch, "endpoints", "tiny", since="0", resolution="60")
    rows = [dict(zip(whole["fields"], row, strict=True)) for row in whole["rows"]]
    assert sum(one["requests"] for one in rows) == 2 * 799
    assert rows[0]["batch"] == 2.0
    assert [one["time"] for one in rows if one["time"] <= whole["settled"]][-1] == whole["settled"]
    assert len(rows) < 20
    later = await get(jp_fetch, "endpoints", "tiny", since=str(whole["settled"]), resolution="60")
    again = [dict(zip(later["fields"], row, strict=True)) for row in later["rows"]]
    assert sum(one["requests"] for one in again) == sum(one["requests"] for one in rows if one["time"] > whole["settled"])
    (listed,) = await get(jp_fetch, "endpoints")
    # The last 300 seconds, of which some have passed since `now`; a first look begins with a whole minute.
    assert 298 - (time.time() - now) <= listed["errors"] <= 360
    assert listed["requests"] == 2 * listed["errors"]


async def test_large_answers_are_compressed(jp_fetch, tiny: LocalTarget, monkeypatch) -> None:
    monkeypatch.setattr("jupyter_deploy.server.routes.LARGE", 10)
    answer = await jp_fetch("nbdeploy", "endpoints", headers={"Accept-Encoding": "gzip"})
    assert answer.headers.get("X-Consumed-Content-Encoding") == "gzip"
    assert json.loads(answer.body)[0]["name"] == "tiny"


class Careful(Authorizer):
    """Admits to what `allowed` names."""

    allowed: ClassVar[set[str]] = set()

    def is_authorized(self, handler, user, action, resource):
        return not resource.startswith("nbdeploy:") or action in self.allowed


@pytest.mark.parametrize(("action", "method", "path"), [
    ("read", "GET", ("endpoints",)), ("read", "GET", ("endpoints", "tiny", "logs")), ("read", "GET", ("server",)),
    ("read", "GET", ("endpoints", "tiny", "call", "docs")),
    ("execute", "POST", ("endpoints", "tiny", "call", "answer")),
    ("write", "POST", ("endpoints", "tiny", "rollback")), ("write", "POST", ("endpoints", "tiny", "delete")),
])
async def test_an_authorizer_has_the_last_word(jp_serverapp, jp_fetch, tiny: LocalTarget, monkeypatch, action, method, path) -> None:
    monkeypatch.setitem(jp_serverapp.web_app.settings, "authorizer", Careful(parent=jp_serverapp))
    body = json.dumps({"x": 1}) if method == "POST" else None
    monkeypatch.setattr(Careful, "allowed", {"read", "write", "execute"} - {action})
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch("nbdeploy", *path, method=method, body=body)
    assert failure.value.code == 403
    monkeypatch.setattr(Careful, "allowed", {action})
    assert (await jp_fetch("nbdeploy", *path, method=method, body=body)).code == 200


async def test_a_supervisor_that_hangs_is_told_with_a_next_step(jp_fetch, tiny: LocalTarget, monkeypatch) -> None:
    monkeypatch.setattr("jupyter_deploy.targets.local.client.ANSWER_SECONDS", 0.5)
    pid = json.loads((data_dir() / "supervisor.json").read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        code, error = await refused(get(jp_fetch, "endpoints", "tiny"))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert code == 409
    assert "has not answered" in error["message"]
    assert f"kill -9 {pid}" in error["advice"]


async def test_a_full_disk_is_told_as_one(jp_fetch, tiny: LocalTarget, monkeypatch) -> None:
    def full(_path: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("jupyter_deploy.server.views.open_registry", full)
    code, error = await refused(get(jp_fetch, "endpoints", "tiny"))
    assert (code, error["type"]) == (507, "DiskFull")
    assert "free some space" in error["advice"]


@pytest.mark.parametrize(("method", "path"), [
    ("GET", ("server",)), ("GET", ("endpoints",)), ("GET", ("endpoints", "tiny")), ("GET", ("endpoints", "tiny", "entries")),
    ("GET", ("endpoints", "tiny", "logs")), ("GET", ("endpoints", "tiny", "call", "docs")),
    ("POST", ("endpoints", "tiny", "call", "answer")), ("POST", ("endpoints", "tiny", "stop")),
    ("POST", ("endpoints", "tiny", "rollback")), ("POST", ("endpoints", "tiny", "delete")),
])
async def test_strangers_are_turned_away(jp_fetch, method: str, path: tuple[str, ...]) -> None:
    body = "{}" if method == "POST" else None
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch("nbdeploy", *path, method=method, body=body, headers={"Authorization": "token wrong"})
    assert failure.value.code == 403
