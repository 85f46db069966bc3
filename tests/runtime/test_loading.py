"""Before a worker is ready: what it answers meanwhile, and what it says when it never will be."""

from __future__ import annotations

import os

import httpx
import pytest
from handmade import ENTRIES, SERVICE, write_bundle

SLOW = "import os, time\nwhile not os.path.exists(os.environ['NBDEPLOY_TEST_GO']):\n    time.sleep(0.01)\n"


def test_not_ready_yet(tmp_path, start_alone):
    bundle, go = tmp_path / "bundle", tmp_path / "go"
    write_bundle(bundle, service=SLOW + SERVICE, entries=ENTRIES[:1])
    worker = start_alone(bundle, ready=False, environment={**os.environ, "NBDEPLOY_TEST_GO": str(go)})
    while True:
        try:
            response = httpx.get(f"{worker.url}/readyz")
            break
        except httpx.ConnectError:
            assert worker.process.poll() is None, worker.log.read_text()
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["error"]["type"] == "not_ready"
    assert httpx.post(f"{worker.url}/add", json={"x": 1}).status_code == 503
    assert httpx.get(f"{worker.url}/livez").json() == {"live": True}
    go.touch()
    worker.wait_ready()
    assert httpx.post(f"{worker.url}/add", json={"x": 1}).json() == 2.0


@pytest.mark.parametrize(
    ("service", "more", "failed"),
    [
        ("x = 1\nimport no_such_module\n", {},
         {"error": "ModuleNotFoundError: No module named 'no_such_module'", "module": "no_such_module",
          "where": "service.py:2", "cell": "cell 3, line 2"}),
        ("x = 1\nx.y\n", {}, {"error": "AttributeError: 'int' object has no attribute 'y'", "where": "service.py:2",
                              "cell": "cell 3, line 2"}),
        ("x = 1\n(", {}, {"error": "SyntaxError: '(' was never closed (service.py, line 2)", "where": "service.py:2",
                          "cell": "cell 3, line 2"}),
        ("import sys\nsys.exit(3)", {}, {"error": "SystemExit: 3", "where": "service.py:2", "cell": "cell 3, line 2"}),
        ("def add(x): ...\ndef broken():\n    1 / 0\n", {"setup": ("broken",)},
         {"error": "ZeroDivisionError: division by zero", "where": "service.py:3", "cell": "cell 3, line 3"}),
        ("def other(): ...", {}, {"error": "TypeError: service.py should define the function add, but has None under this name"}),
        (SERVICE, {"environment": ("NBDEPLOY_TEST_KEY", "NBDEPLOY_TEST_WORD")},
         {"error": "EnvironmentIncomplete: the service needs NBDEPLOY_TEST_KEY, NBDEPLOY_TEST_WORD in its environment, but "
                   "nothing is set under these names: secrets are not stored in a bundle, so give them to the process "
                   "that serves it"}),
    ],
    ids=["module", "import", "syntax", "exit", "setup", "function", "environment"],
)
def test_failed(tmp_path, start_supervised, service, more, failed):
    write_bundle(tmp_path, service=service, entries=ENTRIES[:1], **more)
    worker = start_supervised(tmp_path, ready=False)
    message = worker.wait_event("failed")
    assert message == {"event": "failed", **failed}
    assert worker.process.wait(timeout=30) == 1
    assert failed["error"] in worker.logged()[-1]["message"]


def test_environment_is_given(tmp_path, start_supervised):
    write_bundle(tmp_path, environment=("NBDEPLOY_TEST_WORD",))
    worker = start_supervised(tmp_path, environment={**os.environ, "NBDEPLOY_TEST_WORD": "hush"})
    assert httpx.post(f"{worker.url}/marks", json={}).json() == ["hush"]


def test_damaged(tmp_path, start_supervised, start_alone):
    write_bundle(tmp_path, entries=ENTRIES[:1])
    (tmp_path / "golden" / "add-1.json").write_text("{}")
    message = start_supervised(tmp_path, ready=False).wait_event("failed")
    assert message["error"].startswith("BundleDamaged: golden/add-1.json was changed")
    worker = start_alone(tmp_path, ready=False)
    assert worker.process.wait(timeout=30) == 1
    assert "golden/add-1.json was changed" in worker.logged()[-1]["message"]


def test_missing_manifest(tmp_path, start_alone):
    write_bundle(tmp_path)
    (tmp_path / "bundle.json").unlink()
    worker = start_alone(tmp_path, ready=False)
    assert worker.process.wait(timeout=30) == 1
    assert "bundle.json cannot be read" in worker.logged()[-1]["message"]
