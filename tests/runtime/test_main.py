"""The ways to start a worker."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest
from handmade import ENTRIES, write_bundle
from workers import Worker

SERVICE = '''\
import json
import sys
from pathlib import Path

import neighbour


def look():
    return [neighbour.WORD, Path("words.txt").read_text(), [Path(path).name for path in sys.path][:2]]
'''


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "modules").mkdir()
    (folder / "modules" / "neighbour.py").write_text("WORD = 'near'")
    (folder / "data").mkdir()
    (folder / "data" / "words.txt").write_text("some words")
    look = type(ENTRIES[0])("look", "look", (), {"kind": "any"})
    write_bundle(folder, service=SERVICE, entries=(look,))
    return folder


def test_modules_and_data(bundle, start_supervised):
    worker = start_supervised(bundle)
    assert httpx.post(f"{worker.url}/look", json={}).json() == ["near", "some words", ["modules", bundle.name]]


COLLECTING = """\
import gc
import sys

LOADED_WITH = gc.isenabled()


def look():
    return [LOADED_WITH, gc.isenabled(), gc.get_freeze_count() > 1000, any(one is sys for one in gc.get_objects())]
"""


def test_nothing_is_collected_while_it_loads_and_what_is_loaded_is_never_looked_through(tmp_path, start_supervised):
    look = type(ENTRIES[0])("look", "look", (), {"kind": "any"})
    write_bundle(tmp_path, service=COLLECTING, entries=(look,))
    worker = start_supervised(tmp_path)
    assert httpx.post(f"{worker.url}/look", json={}).json() == [False, True, True, False]


@pytest.mark.parametrize("how", [["-m", "runtime", "serve"], ["-m", "runtime"], ["runtime/__main__.py", "serve"]])
def test_start_with_installed_packages(bundle, tmp_path, how):
    """Without a path and without a supervisor, as in an image."""
    log = tmp_path / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, *how, "--port", "0"], cwd=bundle, stderr=sink)
    try:
        worker = Worker(process, log)
        while not worker.logged():
            assert process.poll() is None
        ready = worker.logged()[0]
        assert httpx.post(f"http://127.0.0.1:{ready['port']}/look", json={}).json()[:2] == ["near", "some words"]
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_help(bundle):
    done = subprocess.run([sys.executable, "-m", "runtime", "--help"], cwd=bundle, capture_output=True, text=True)
    assert done.returncode == 0
    for word in ("POST /<entry>", "--metrics-file", "SIGTERM"):
        assert word in done.stdout


def test_wrong_option(bundle):
    done = subprocess.run([sys.executable, "-m", "runtime", "--prot=1"], cwd=bundle, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--prot" in done.stderr


def test_worker_loads_no_framework(bundle):
    """What the service does not import is not imported: it would cost start-up and memory."""
    code = ("import json, sys; sys.path.insert(0, sys.argv[1]); import runtime.worker; "
            "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))")
    done = subprocess.run([sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"numpy", "pandas", "fastapi", "uvicorn", "pydantic", "jupyter_deploy"}
