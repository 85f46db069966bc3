"""Callers of a service: one call, or many that count what they get."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections import Counter
from contextlib import contextmanager
from typing import Any

import httpx


def post(url: str, body: object) -> Any:
    """Post JSON, and give the JSON of the answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())


class Load:
    """Callers that send one request after the other over connections that they keep."""

    def __init__(self, url):
        self.answers = []
        self.failures = []
        self._url = url
        self._end = threading.Event()

    def versions(self):
        return Counter(answer["version"] for answer in list(self.answers))

    def _call(self):
        with httpx.Client(base_url=self._url) as client:
            number = 0
            while not self._end.is_set():
                number += 1
                try:
                    response = client.post("/answer", json={"x": number})
                    assert response.status_code == 200, response.text
                    assert response.json()["x"] == number
                    self.answers.append(response.json())
                except Exception as error:
                    self.failures.append(repr(error))

    @contextmanager
    def running(self, callers=4):
        threads = [threading.Thread(target=self._call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._end.set()
            for thread in threads:
                thread.join()
