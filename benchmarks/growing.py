"""A worker that is added under load: from the decision to the first request that it answered."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from pathlib import Path
from typing import Any

from jupyter_deploy.runtime.metrics import read_metrics, total

CALLERS = 8
_LOOK_SECONDS = 0.002
_PATIENCE = 20.0


class Callers:
    """Keep a service busy, each with one request after the other, on a connection for as long as it is open."""

    def __init__(self, port: int, entry: str, case: dict[str, Any]) -> None:
        self._port, self._entry, self._body = port, entry, case["body"]
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        while not self._ending.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
                while not self._ending.is_set():
                    connection.request("POST", f"/{self._entry}", self._body, {"content-type": "application/json"})
                    answer = connection.getresponse()
                    answer.read()
                    if answer.will_close:
                        break


def wait_first_answer(folder: Path, known: set[Path]) -> float:
    """Wait until a worker whose metrics file is not known has answered a request; gives the time of day."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for path in set(folder.glob("*.metrics")) - known:
            with contextlib.suppress(OSError, ValueError):
                if total(read_metrics(path), "nbdeploy_requests_total"):
                    return time.time()
        time.sleep(_LOOK_SECONDS)
    raise RuntimeError("no worker was added under load")
