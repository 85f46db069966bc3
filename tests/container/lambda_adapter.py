"""What the AWS Lambda Web Adapter does to a service: ask until it is ready, then hand events over as HTTP requests.

It asks every ten milliseconds, takes for ready what its settings in the image say, keeps a connection to the service for four
seconds of its own time, and tells in two headers where an event comes from.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from containers import inspect

KEPT = 4.0
"""Seconds for which an idle connection is used again."""
WHERE = {"accountId": "123456789012", "http": {"method": "POST", "path": "/skála", "sourceIp": "203.0.113.7"},
         "authorizer": {"jwt": {"claims": {f"claim {n}": "of somebody " * 20 for n in range(40)}, "scopes": None}}}
HEADERS = {
    "host": "abc.lambda-url.eu-central-1.on.aws", "content-type": "application/json", "x-forwarded-proto": "https",
    "x-forwarded-for": "203.0.113.7", "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1",
    # As the adapter sends it: JSON with the bytes of its UTF-8.
    "x-amzn-request-context": json.dumps(WHERE, ensure_ascii=False).encode(),
    "x-amzn-lambda-context": json.dumps({"request_id": "r-1", "deadline": 1800000000000, "env_config": {"memory": 512}}).encode(),
}


class Adapter:
    """Stands in for the adapter, with the settings of an image and a port at which its container can be reached."""

    def __init__(self, image: str, port: int) -> None:
        variables = dict(line.split("=", 1) for line in inspect(image, ".Config.Env"))
        self.settings = {name.removeprefix("AWS_LWA_"): value for name, value in variables.items() if name.startswith("AWS_LWA_")}
        low, _, high = self.settings["READINESS_CHECK_HEALTHY_STATUS"].partition("-")
        self._healthy = range(int(low), int(high) + 1)
        self._port = port
        self._kept: http.client.HTTPConnection | None = None
        self._used = 0.0

    def wait_until_ready(self, seconds: float = 60.0) -> list[int]:
        """Ask until the service is ready; gives every status before that."""
        statuses: list[int] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                status, _ = self._send("GET", self.settings["READINESS_CHECK_PATH"], None, {})
            except (OSError, http.client.HTTPException):
                pass
            else:
                if status in self._healthy:
                    return statuses
                statuses.append(status)
            time.sleep(0.01)
        raise AssertionError(f"not ready: {statuses[-5:]}")

    def invoke(self, path: str, body: Any) -> tuple[int, Any]:
        """Hand over an event that is an HTTP request."""
        return self._send("POST", path, body, HEADERS)

    def invoke_directly(self, payload: Any) -> Any:
        """Hand over an event that is none; who sent it sees no status."""
        return self._send("POST", self.settings["PASS_THROUGH_PATH"], payload, HEADERS)[1]

    def _send(self, method: str, path: str, body: Any, headers: dict[str, Any]) -> tuple[int, Any]:
        if self._kept is None or time.monotonic() - self._used > KEPT:
            self.close()
            self._kept = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            self._kept.request(method, path, None if body is None else json.dumps(body), headers)
            response = self._kept.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self._used = time.monotonic()
        return response.status, answer

    def close(self) -> None:
        """Give the connection up."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None
