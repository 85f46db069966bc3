"""News of one endpoint, once a second, as long as somebody looks: read in a thread, sent to the front end."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from jupyter_deploy.errors import DeployError
from jupyter_deploy.targets.target import Target
from jupyter_deploy.watch import Watch, snapshot
from jupyter_deploy.widget.news import WINDOW, Message, Teller, describe_row

PERIOD = 1.0
"""Seconds between news."""
LEASE = 45.0
"""A view that has not said for so many seconds that it looks does not look: its page is gone."""
HEARTBEAT = 5.0
"""Without news, the front end hears after so many seconds that there are none."""
RANGES = {"day": (24 * 3600.0, 60), "month": (31 * 24 * 3600.0, 900)}
"""Seconds, and the width of their samples."""


class Feed:
    """Sends what is new of the endpoint `name`, and does to it what the panel's buttons say.

    Messages from the front end: `{"op": "look", "view": id}` at first and every few seconds, `leave`, `history` with a
    `range`, and the deeds `rollback` (with a `version`, or none for the one before), `promote`, `abort`, `stop` and
    `start`.
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
        self._said = 0.0

    def begin(self) -> Message:
        """Give the news that the front end begins with."""
        return Teller().tell(snapshot(self._target, self.name, time.time() - WINDOW))

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take a message from the front end; this does not wait."""
        op = message.get("op")
        if op in {"rollback", "stop", "start", "promote", "abort"}:
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
        teller, watch = Teller(), None
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
                            "samples": [describe_row(one) for one in seen.samples],
                            "total": seen.total and seen.total.describe()})
                return
            case {"op": "look", "new": True}:
                teller.forget()
            case {"op": "look"}:
                return
            case {"op": "refresh"}:
                watch.refresh()
        news = teller.tell(watch.look(teller.since))
        if news.keys() - {"kind", "time"} or time.monotonic() - self._said >= HEARTBEAT:
            self._said = time.monotonic()
            self._send(news)

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
            return f"Version {self._target.rollback(self.name, version).version} is live."
        if op == "promote":
            return f"Version {self._target.promote(self.name).version} is live."
        if op == "abort":
            return f"{self.name} has only version {self._target.abort(self.name).version} now."
        if op == "stop":
            self._target.stop(self.name)
            return f"{self.name} is stopped."
        self._target.start(self.name)
        return f"{self.name} is live again."
