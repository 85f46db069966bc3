"""The routes of the Jupyter server: a real server, a real supervisor, a real endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import ENVIRONMENT, make_bundle
from tornado.httpclient import HTTPClientError

from jupyter_deploy import __version__
from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.local.target import LocalOptions, LocalTarget


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
