"""Replays the golden calls: the service must answer what the notebook answered.

Run it with `pytest`, or with `python tests/test_golden.py`.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(process, url):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service ended; its log above says why"
        try:
            with urllib.request.urlopen(url + "/readyz") as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the service did not become ready")


def replay(url, call):
    golden = json.loads((PROJECT / call["file"]).read_text(encoding="utf-8"))
    request = urllib.request.Request(
        url + "/" + urllib.request.quote(call["entry"]),
        json.dumps(golden["request"]).encode(),
        {"Content-Type": "application/json", "X-API-Key": os.environ.get("API_KEY", "")},
    )
    with urllib.request.urlopen(request) as response:
        answer = json.loads(response.read())
    assert json.dumps(answer) == json.dumps(golden["answer"]), f"{call['file']}: {answer} is not {golden['answer']}"


def test_golden_calls():
    manifest = json.loads((PROJECT / "bundle.json").read_text(encoding="utf-8"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "runtime", "serve", "--port", str(port)], cwd=PROJECT)
    try:
        wait_until_ready(process, url)
        for call in manifest["golden"]:
            replay(url, call)
        print(f"{len(manifest['golden'])} golden calls equal")
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    test_golden_calls()
