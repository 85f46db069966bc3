"""Real workers that serve a bundle written by hand."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from handmade import write_bundle
from workers import Worker

SITE = sysconfig.get_paths()["purelib"]


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
