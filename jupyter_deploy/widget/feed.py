"""News of one endpoint, once a second, as long as somebody looks: read in a thread, sent to the front end."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_deploy.endpoint import curl_line
from jupyter_deploy.errors import DeployError
from jupyter_deploy.metrics import Sample, combine_samples
from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest
from jupyter_deploy.targets.target import Status, Target
from jupyter_deploy.watch import Snapshot, Watch, describe_status, snapshot

Message = dict[str, Any]

WINDOW = 300.0
"""Seconds of samples in the view of the last minutes."""
PERIOD = 1.0
"""Seconds between news."""
LEASE = 45.0
"""A view that has not said for so many seconds that it looks does not look: its page is gone."""
HEARTBEAT = 5.0
"""Without news, the front end hears after so many seconds that there are none."""
RANGES = {"day": (24 * 3600.0, 60), "month": (31 * 24 * 3600.0, 900)}
"""Seconds, and the width of their samples."""
FIELDS = ("time", "seconds", "requests", "errors", "rate", "p50", "p95", "p99", "in_flight", "workers", "cpu", "memory")
"""What a row of samples holds."""


class Feed:
    """Sends what is new of the endpoint `name`, and does to it what the panel's buttons say.

    Messages from the front end: `{"op": "look", "view": id}` at first and every few seconds, `leave`, `history` with a
    `range`, and the deeds `rollback` (with a `version`, or none for the one before), `stop` and `start`.
    Messages to it: `{"kind": "news"}` with what changed, `history`, `done`, and `trouble` with a `text`.
    """

    def __init__(self, target: Target, name: str, send: Callable[[Message], None]) -> None:
        self.name = name
        self._target = target
        self._send = send
        self._views: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def begin(self) -> Message:
        """Give the news that the front end begins with."""
        return Teller(self._target).tell(snapshot(self._target, self.name, time.time() - WINDOW))

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take a message from the front end; this does not wait."""
        op = message.get("op")
        if op in {"rollback", "stop", "start"}:
            threading.Thread(target=self._act, args=(op, message.get("version")), daemon=True).start()
            return
        with self._lock:
            if op == "leave":
                self._views.pop(str(message["view"]), None)
                return
            self._views[str(message["view"])] = time.monotonic() + LEASE
            self._asked.put(dict(message))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"panel of {self.name}", daemon=True)
                self._thread.start()

    @property
    def running(self) -> bool:
        """Whether anything is read now."""
        return self._thread is not None

    def _run(self) -> None:
        teller, watch = Teller(self._target), None
        try:
            while self._goes_on():
                try:
                    watch = watch or Watch(self._target, self.name)
                    self._answer(teller, watch, self._wait())
                except (DeployError, OSError, sqlite3.Error) as error:
                    self._send({"kind": "trouble", "text": str(error)})
                    time.sleep(HEARTBEAT)
        finally:
            if watch is not None:
                watch.close()

    def _goes_on(self) -> bool:
        now = time.monotonic()
        with self._lock:
            self._views = {view: end for view, end in self._views.items() if end > now}
            if not self._views:
                self._thread = None
            return self._thread is not None

    def _wait(self) -> Message | None:
        with suppress(queue.Empty):
            return self._asked.get(timeout=PERIOD)
        return None

    def _answer(self, teller: Teller, watch: Watch, asked: Message | None) -> None:
        match asked:
            case {"op": "history", "range": span, "view": view} if span in RANGES:
                seconds, width = RANGES[span]
                seen = watch.look(time.time() - seconds, resolution=width)
                self._send({"kind": "history", "view": view, "range": span, "time": seen.time, "since": seen.since,
                            "samples": [_row(one) for one in seen.samples], "total": _describe_total(seen.samples)})
                return
            case {"op": "look", "new": True}:
                teller.forget()
            case {"op": "look"}:
                return
            case {"op": "refresh"}:
                watch.refresh()
        news = teller.tell(watch.look(teller.since))
        if len(news) > len(_EMPTY) or teller.silent >= HEARTBEAT:
            teller.silent = 0.0
            self._send(news)
        else:
            teller.silent += PERIOD

    def _act(self, op: str, version: str | None) -> None:
        try:
            text = self._do(op, version)
        except (DeployError, OSError) as error:
            self._send({"kind": "done", "op": op, "failed": True, "text": str(error)})
            return
        self._asked.put({"op": "refresh"})
        self._send({"kind": "done", "op": op, "failed": False, "text": text})

    def _do(self, op: str, version: str | None) -> str:
        if op == "rollback":
            return f"version {self._target.rollback(self.name, version).version} is live"
        if op == "stop":
            self._target.stop(self.name)
            return f"{self.name} is stopped"
        self._target.start(self.name)
        return f"{self.name} is live again"


_EMPTY = ("kind", "time")


class Teller:
    """Turns snapshots into news: only what has changed since the last time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.silent = 0.0
        """Seconds without news."""
        self.forget()

    def forget(self) -> None:
        """Tell everything the next time."""
        self._samples: list[Sample] = []
        self._status: Status | None = None
        self._failures: tuple[Any, ...] | None = None

    @property
    def since(self) -> float:
        """The time from which on samples are new."""
        return self._samples[-1].time if self._samples else time.time() - WINDOW

    def tell(self, seen: Snapshot) -> Message:
        """Give the news; the first has `whole` and says everything."""
        news: Message = {"kind": "news", "time": seen.time}
        if self._status is None:
            news |= {"whole": True, "window": WINDOW, "fields": FIELDS}
        if seen.samples or self._status is None:
            first = seen.time - WINDOW
            self._samples = [one for one in (*self._samples, *seen.samples) if one.time > first]
            news |= {"samples": [_row(one) for one in seen.samples], "total": _describe_total(self._samples)}
        if seen.status != self._status:
            self._status = seen.status
            news["status"] = {**describe_status(seen.status), "curl": _write_curl(seen.status)}
        if seen.failures != self._failures:
            self._failures = seen.failures
            news["failures"] = [vars(failure) for failure in seen.failures]
        return news


def _row(sample: Sample) -> list[float | None]:
    figures = sample.describe()
    return [None if (value := figures[key]) is None else round(value, 6) for key in FIELDS]


def _describe_total(samples: Any) -> dict[str, float | None] | None:
    return combine_samples(samples).describe() if samples else None


def _write_curl(status: Status) -> str | None:
    """Write the line for the version that is live; a bundle that is gone or damaged has none."""
    bundle = next((Path(one.bundle) for one in status.versions if one.version == status.version), None)
    if bundle is None:
        return None
    try:
        return curl_line(status.url, read_manifest(bundle), bundle)
    except (BundleDamaged, OSError):
        return None
