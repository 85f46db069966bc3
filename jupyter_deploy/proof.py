"""The proof: golden calls replayed over HTTP against the packaged service, compared with what the notebook answered."""

from __future__ import annotations

import http.client
import json
import math
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import ServiceError
from jupyter_deploy.runtime.manifest import GoldenCall, Manifest

TIMEOUT = 120
"""Seconds to wait for one answer."""
OVERDUE = "504:"
"""How the answer to a call begins that took longer than the service allows."""
ROUNDING = (1e-6, 1e-12)
"""What sums in another order may change, also of float32: relatively and absolutely."""
SHOWN = 20
"""Differences kept for one call."""

Tolerance = tuple[float, float]
"""How far numbers may be from the notebook's: relatively, and beyond that absolutely."""


@dataclass(frozen=True)
class Difference:
    """A place in an answer where service and notebook differ."""

    entry: str
    source: str
    """Where the golden call comes from."""
    path: str
    """The place in the answer, such as `answer[0].price`."""
    notebook: str
    service: str


@dataclass(frozen=True)
class Proof:
    """What the replay of all golden calls showed."""

    calls: int
    equal: int
    differences: tuple[Difference, ...] = ()
    error_ids: tuple[str, ...] = ()
    """Ids of calls that failed inside the service; its log has their tracebacks."""
    timed_out: bool = False
    """A call took longer than the service allows; no other was made after it."""

    @property
    def holds(self) -> bool:
        """Whether every golden call got the notebook's answer."""
        return self.equal == self.calls

    def dump(self) -> dict[str, Any]:
        """Give the figures as a JSON object."""
        return {"calls": self.calls, "equal": self.equal}


def prove(folder: Path, manifest: Manifest, service: str | http.client.HTTPConnection, *, api_key: str | None = None
          ) -> Proof:
    """Replay the golden calls of the bundle in `folder` against a service: its URL, or a connection to it.

    Raises
    ------
    ServiceError
        When the service cannot be reached.

    """
    connection = _open(service) if isinstance(service, str) else service
    differences: list[Difference] = []
    error_ids: list[str] = []
    equal = 0
    timed_out = False
    try:
        for call in manifest.golden:
            golden = json.loads((folder / call.file).read_bytes())
            found, error_id = _replay(connection, call, golden, api_key, manifest.tolerance)
            differences += found
            error_ids += [error_id] if error_id else []
            equal += not found
            timed_out = any(one.path == "status" and one.service.startswith(OVERDUE) for one in found)
            if timed_out:
                break  # the next one would keep everybody waiting as long
    except OSError as error:
        raise ServiceError(
            f"the packaged service cannot be reached: {error}", where=f"{connection.host}:{connection.port}",
            advice="look at its log for the reason"
        ) from error
    finally:
        connection.close()
    return Proof(len(manifest.golden), equal, tuple(differences), tuple(error_ids), timed_out)


def _open(url: str) -> http.client.HTTPConnection:
    parts = urllib.parse.urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT)


def _replay(
    connection: http.client.HTTPConnection, call: GoldenCall, golden: dict[str, Any], api_key: str | None,
    tolerance: Tolerance,
) -> tuple[list[Difference], str | None]:
    headers = {"Content-Type": "application/json", "x-nbdeploy-proof": "1"}
    if api_key is not None:
        headers["X-API-Key"] = api_key
    body = json.dumps(golden["request"], ensure_ascii=False).encode()
    connection.request("POST", "/" + urllib.parse.quote(call.entry), body, headers)
    response = connection.getresponse()
    data = response.read()

    def differ(path: str, notebook: str, service: str) -> Difference:
        return Difference(call.entry, call.source, path, notebook, service)

    try:
        answer = json.loads(data)
    except ValueError:
        answer = data.decode("utf-8", "replace")
    if response.status != 200:
        error = answer.get("error", answer) if isinstance(answer, dict) else answer
        error_id = error.get("id") if isinstance(error, dict) else None
        said = error.get("message", error) if isinstance(error, dict) else error
        return [differ("status", "an answer", f"{response.status}: {_short(said)}")], error_id
    found = [differ(*place) for place in compare(golden["answer"], answer, "answer", tolerance)]
    kind = urllib.parse.unquote(response.headers.get("x-nbdeploy-kind", ""))
    if not found and kind != golden["kind"]:
        found = [differ("type", golden["kind"], kind)]
    return found[:SHOWN], None


def compare(
    notebook: Any, service: Any, path: str, tolerance: Tolerance = (0.0, 0.0)
) -> Iterator[tuple[str, str, str]]:
    """Walk two JSON values and yield every place where they differ: (path, notebook's, service's).

    Equality is exact, also of floats unless there is a tolerance, and types count: `1` is not `1.0`, `true` is not `1`.
    """
    if type(notebook) is not type(service):
        yield path, _short(notebook), _short(service)
    elif isinstance(notebook, dict):
        for key in [*notebook, *(key for key in service if key not in notebook)]:
            if key not in service or key not in notebook:
                yield f"{path}.{key}", _short(notebook.get(key, "missing")), _short(service.get(key, "missing"))
            else:
                yield from compare(notebook[key], service[key], f"{path}.{key}", tolerance)
    elif isinstance(notebook, list):
        if len(notebook) != len(service):
            yield path, f"{len(notebook)} items", f"{len(service)} items"
        for index, (one, other) in enumerate(zip(notebook, service, strict=False)):
            yield from compare(one, other, f"{path}[{index}]", tolerance)
    elif notebook != service and not (isinstance(notebook, float) and _is_near(notebook, service, *tolerance)):
        yield path, _short(notebook), _short(service)


def is_rounding(differences: Sequence[Difference]) -> bool:
    """Whether nothing differs but the last digits of numbers."""
    return bool(differences) and all(map(_differs_by_rounding, differences))


def _differs_by_rounding(difference: Difference) -> bool:
    try:
        notebook, service = json.loads(difference.notebook), json.loads(difference.service)
    except ValueError:
        return False
    return isinstance(notebook, float) and isinstance(service, float) and _is_near(notebook, service, *ROUNDING)


def _is_near(notebook: float, service: float, rtol: float, atol: float) -> bool:
    if math.isnan(notebook) or math.isnan(service):
        return math.isnan(notebook) and math.isnan(service)
    return abs(notebook - service) <= atol + rtol * abs(notebook)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= 200 else text[:197] + "..."


def table(differences: tuple[Difference, ...]) -> str:
    """Lay out differences as a plain-text table."""
    head = ("call", "place", "notebook", "service")
    rows = [
        head,
        *((f"{one.entry} ({one.source})", one.path, one.notebook, one.service) for one in differences[:SHOWN]),
    ]
    widths = [min(48, max(len(row[column]) for row in rows)) for column in range(4)]
    lines = ["  ".join(_fit(text, width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = len(differences) - SHOWN
    return "\n".join(
        [
            lines[0],
            "  ".join("-" * width for width in widths),
            *lines[1:],
            *([f"... and {more} more"] if more > 0 else []),
        ]
    )


def _fit(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
