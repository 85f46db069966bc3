"""A small bundle, written by hand, and real workers that serve it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_deploy.runtime.manifest import MANIFEST, Entry, GoldenCall, Manifest, Parameter, Span

RUNTIME = Path(__file__).parents[2] / "jupyter_deploy" / "runtime"
SITE = sysconfig.get_paths()["purelib"]

SERVICE = '''\
"""The slice."""
import asyncio
import os
import time

ready_marks = []
COUNT = 0


def prepare():
    ready_marks.append("prepare")


async def prepare_async():
    ready_marks.append("prepare_async")


def add(x, y=1.0):
    """Add two numbers."""
    return x + y


def scale(rows):
    return rows * 2


async def wait_for(seconds):
    await asyncio.sleep(seconds)
    return {"waited": seconds}


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def hang(seconds):
    time.sleep(float(seconds))
    return "back"


def fail(text):
    numbers = {"one": 1}
    return numbers[text]


async def leave():
    raise SystemExit(3)


def stop(error):
    raise {"exit": SystemExit, "stop": StopIteration, "value": ValueError, "memory": MemoryError}[error]


def count():
    global COUNT
    COUNT += 1
    return COUNT


def marks():
    return [*ready_marks, os.environ.get("NBDEPLOY_TEST_WORD", "")]


def numbers(n):
    for number in range(n):
        yield number


def infer(rows):
    return [{"label": "young" if row.age < 40 else "old", "score": row.income / 1000} for row in rows.itertuples()]
'''


def cell_of(line: str) -> str:
    """Name the cell that a line of the service came from."""
    return f"cell 3, line {SERVICE.splitlines().index(line) + 1}"


FLOAT: dict[str, Any] = {"kind": "float"}
INT: dict[str, Any] = {"kind": "int"}
STR: dict[str, Any] = {"kind": "str"}
ANY: dict[str, Any] = {"kind": "any"}
FRAME: dict[str, Any] = {
    "kind": "frame",
    "columns": [{"name": "age", "dtype": "int64", "nullable": False},
                {"name": "income", "dtype": "float64", "nullable": False}],
    "index": None,
}
ARRAY: dict[str, Any] = {"kind": "array", "dtype": "float64", "shape": [-1, 2]}


def entry(name: str, *parameters: Parameter, returns: dict[str, Any] = ANY, **more: Any) -> Entry:
    return Entry(name=name, function=name, parameters=parameters, returns=returns, **more)


ENTRIES = (
    entry("add", Parameter("x", FLOAT), Parameter("y", FLOAT, required=False, default=1.0), returns=FLOAT,
          doc="Add two numbers."),
    entry("scale", Parameter("rows", ARRAY), returns=ARRAY),
    entry("wait_for", Parameter("seconds", FLOAT), is_async=True),
    entry("sleep", Parameter("seconds", FLOAT)),
    entry("hang", Parameter("seconds", FLOAT)),
    entry("fail", Parameter("text", STR)),
    entry("leave", is_async=True),
    entry("stop", Parameter("error", STR)),
    entry("marks", returns={"kind": "list", "of": STR}),
    entry("numbers", Parameter("n", INT), returns={"kind": "list", "of": INT}),
    entry("infer", Parameter("rows", FRAME), returns={"kind": "list", "of": ANY}),
)
COUNTING = (entry("count", returns=INT, mutates=True),)
GOLDEN = {
    "add": {"request": {"x": 1.5}, "answer": 2.5, "kind": "float"},
    "scale": {"request": {"rows": [[1.0, 2.0]]}, "answer": [[2.0, 4.0]], "kind": "ndarray[float64](1, 2)"},
    "hang": {"request": {"seconds": 0.0}, "answer": "back", "kind": "str"},
    "numbers": {"request": {"n": 3}, "answer": [0, 1, 2], "kind": "list"},
    "infer": {"request": {"rows": [{"age": 30, "income": 1000.0}]}, "answer": [{"label": "young", "score": 1.0}],
              "kind": "list"},
}


def write_bundle(folder: Path, *, service: str = SERVICE, entries: tuple[Entry, ...] = ENTRIES, **more: Any) -> Manifest:
    """Write a bundle as the packaging side does."""
    shutil.copytree(RUNTIME, folder / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "service.py").write_text(service)
    (folder / "golden").mkdir()
    golden = []
    for one in entries:
        if one.name in GOLDEN:
            path = f"golden/{one.name}-1.json"
            (folder / path).write_text(json.dumps(GOLDEN[one.name]))
            golden.append(GoldenCall(one.name, path, "cell 9"))
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }
    manifest = Manifest(name="sums", python="3.11", entries=entries, golden=tuple(golden), files=files,
                        **{"spans": (Span(1, 1000, "cell 3", 1),), **more})
    (folder / MANIFEST).write_bytes(manifest.dump())
    return manifest


@dataclass
class Worker:
    """A worker process, its control channel and a client."""

    process: subprocess.Popen[bytes]
    log: Path
    control: socket.socket | None = None
    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _pending: bytes = b""

    def wait_event(self, name: str) -> dict[str, Any]:
        """Read the control channel up to an event of this name."""
        assert self.control is not None
        self.control.settimeout(60)
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            data = self.control.recv(65536)
            assert data, f"the worker ended before it said {name!r}: {self.log.read_text()}"
            *lines, self._pending = (self._pending + data).split(b"\n")
            self.events += map(json.loads, lines)

    def send(self, **operation: Any) -> None:
        assert self.control is not None
        self.control.sendall(json.dumps(operation).encode() + b"\n")

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def wait_ready(self) -> None:
        """Wait until a stand-alone worker is ready."""
        while True:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            time.sleep(0.05)


def _command(bundle: Path, *options: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(bundle / "runtime" / "__main__.py"), "serve", "--path", SITE, *options]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder, setup=("prepare", "prepare_async"))
    return folder


StartWorker = Callable[..., Worker]


@pytest.fixture(scope="module")
def start_supervised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Start workers with a control channel; `listener` is handed over, `ready=False` does not wait."""
    workers: list[Worker] = []

    def start(bundle: Path, *options: str, listener: socket.socket | None = None, ready: bool = True,
              environment: dict[str, str] | None = None) -> Worker:
        ours, theirs = socket.socketpair()
        log = tmp_path_factory.mktemp("log") / "worker.log"
        pass_fds = [theirs.fileno()]
        extra = ["--control-fd", str(theirs.fileno())]
        if listener is not None:
            pass_fds.append(listener.fileno())
            extra += ["--listen-fd", str(listener.fileno())]
        with log.open("wb") as sink:
            process = subprocess.Popen(_command(bundle, *extra, *options), pass_fds=pass_fds, stderr=sink,
                                       env=environment)
        theirs.close()
        worker = Worker(process, log, ours)
        workers.append(worker)
        if ready:
            worker.url = f"http://127.0.0.1:{worker.wait_event('ready')['port']}"
        return worker

    yield start
    for worker in workers:
        worker.process.kill()
        worker.process.wait()
        assert worker.control is not None
        worker.control.close()


@pytest.fixture(scope="module")
def start_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Start workers without a supervisor, on a free port."""
    workers: list[Worker] = []

    def start(bundle: Path, *options: str, ready: bool = True, environment: dict[str, str] | None = None) -> Worker:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        log = tmp_path_factory.mktemp("log") / "worker.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(_command(bundle, "--port", str(port), *options), stderr=sink, env=environment)
        worker = Worker(process, log, url=f"http://127.0.0.1:{port}")
        workers.append(worker)
        if ready:
            worker.wait_ready()
        return worker

    yield start
    for worker in workers:
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()


@pytest.fixture(scope="module")
def worker(bundle: Path, start_supervised: StartWorker) -> Worker:
    """One ready worker, shared by a module's tests."""
    return start_supervised(bundle)


@pytest.fixture
def client(worker: Worker) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=worker.url, timeout=30) as client:
        yield client
