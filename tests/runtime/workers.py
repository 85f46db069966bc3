"""A worker process, as the tests talk to it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx


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
