"""The endpoint that `%deploy` gives back: call it, look at it, steer it."""

from __future__ import annotations

import html
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.schema import write_argument
from jupyter_deploy.curl import curl_line
from jupyter_deploy.errors import ServiceError, UsageError
from jupyter_deploy.listing import format_logs
from jupyter_deploy.metrics import Sample
from jupyter_deploy.packaged import count
from jupyter_deploy.recipe import Release
from jupyter_deploy.registry import list_samples, open_registry, registry_path
from jupyter_deploy.rollouts import Differences, read_differences
from jupyter_deploy.runtime.encode import encode
from jupyter_deploy.runtime.manifest import BundleDamaged, Entry, Manifest, read_manifest
from jupyter_deploy.standing import ANSWERS, describe_standing
from jupyter_deploy.targets.deployments import find_records, find_target_of
from jupyter_deploy.targets.rollout import describe_lacks
from jupyter_deploy.targets.target import Status, Target
from jupyter_deploy.widget import view_live

WINDOW = 300
"""Seconds of samples that `metrics()` looks back on."""


@dataclass(frozen=True)
class Metrics:
    """What an endpoint did lately; shows itself as a live panel in a notebook, elsewhere as a line of figures."""

    name: str
    samples: tuple[Sample, ...]
    target: Target | None = field(default=None, repr=False, compare=False)
    """Where the endpoint runs: what the live panel looks at."""

    @property
    def requests(self) -> int:
        """Requests answered in the window."""
        return sum(sample.requests for sample in self.samples)

    @property
    def errors(self) -> int:
        """Answers with status 500 and above."""
        return sum(sample.errors for sample in self.samples)

    def quantile(self, share: float) -> float | None:
        """Seconds within which `share` of the window's requests were answered."""
        counts: dict[float, int] = {}
        for sample in self.samples:
            for bound, number in sample.latency.items():
                counts[bound] = counts.get(bound, 0) + number
        return Sample(0, 1, self.requests, self.errors, counts).quantile(share)

    def dump(self) -> dict[str, Any]:
        """Give the figures as a JSON object: seconds, bytes, counts of the window."""
        last = self.samples[-1] if self.samples else None
        now = {"workers": last.workers, "in_flight": last.in_flight, "memory": last.memory} if last else {}
        quantiles = {f"p{share * 100:.0f}": self.quantile(share) for share in (0.5, 0.95, 0.99)}
        counts = {"requests": self.requests, "errors": self.errors}
        return {"name": self.name, "window": WINDOW, **counts, **quantiles, **now}

    def __repr__(self) -> str:
        last = self.samples[-1] if self.samples else None
        if last is None:
            return f"{self.name}: no figures yet; they come once a second"
        shares = ", ".join(f"p{share * 100:.0f} {_milliseconds(self.quantile(share))}" for share in (0.5, 0.95, 0.99))
        answered = f"{count(self.requests, 'request')}, {count(self.errors, 'error')}"
        return (f"{self.name}, last {WINDOW // 60} min: {answered}, {shares}; "
                f"{count(last.workers, 'worker')}, {last.in_flight} in flight, {last.memory / 1e6:.0f} MB")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        live = view_live(self.target, self.name) if self.target is not None else {}
        return {"text/plain": repr(self), "text/html": write_table(self._rows()), **live}

    def _rows(self) -> list[tuple[str, str]]:
        last = self.samples[-1] if self.samples else None
        if last is None:
            return [("endpoint", self.name), ("requests", "no figures yet; they come once a second")]
        return [("endpoint", self.name), ("requests", f"{self.requests} in {WINDOW // 60} min"),
                ("errors", str(self.errors)),
                *((f"p{share * 100:.0f}", _milliseconds(self.quantile(share))) for share in (0.5, 0.95, 0.99)),
                ("in flight", str(last.in_flight)), ("workers", str(last.workers)),
                ("memory", f"{last.memory / 1e6:.0f} MB")]


class Logs(tuple[dict[str, Any], ...]):
    """Log records; shows itself one a line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return format_logs(self)


class Endpoint:
    """A deployment that answers."""

    def __init__(self, name: str, *, target: Target, api_key: str | None = None,
                 release: Release | None = None) -> None:
        self.name = name
        self.release = release
        """What `%deploy` did, when this endpoint came from it."""
        self._target = target
        self._api_key = api_key

    @property
    def status(self) -> Status:
        """How it is now."""
        return self._target.status(self.name)[0]

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.release.deployment.url if self.release is not None else self.status.url

    @property
    def version(self) -> str:
        """The version that is live."""
        return self.status.version

    def call(self, *args: Any, entry: str | None = None, **kwargs: Any) -> Any:
        """Call it over HTTP with Python values and give back what its JSON answer says.

        Raises
        ------
        ServiceError
            When it refuses or fails.

        """
        chosen = self._entry(entry)
        arguments = self._bind(chosen, args, kwargs)
        request = urllib.request.Request(  # noqa: S310 - our own endpoint
            f"{self.url}/{urllib.request.quote(chosen.name)}", encode(arguments),  # type: ignore[attr-defined]
            {"Content-Type": "application/json"} | ({"X-API-Key": self._api_key} if self._api_key else {}))
        try:
            with urllib.request.urlopen(request) as response:  # noqa: S310
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = _error_text(error.read())
            advice = f"%deploy --logs {self.name} has the traceback" if error.code == 500 else None
            raise ServiceError(f"{chosen.name} answered {error.code}: {text}", where=self.url, advice=advice) from None
        except urllib.error.URLError as error:
            verb = "--start" if self.status.state == "stopped" else "--logs"
            raise ServiceError(f"{self.name} does not answer: {error.reason}", where=self.url,
                               advice=f"it is {self.status.state}: %deploy {verb} {self.name}") from None

    def _manifest(self) -> Manifest:
        """Give that of the version that answers: another one than this object's may be live by now."""
        status = self.status
        if self.release is not None and status.version == self.release.deployment.version:
            return self.release.packaged.bundle.manifest
        bundle = next(version.bundle for version in status.versions if version.version == status.version)
        return read_manifest(Path(bundle))

    def _entry(self, name: str | None) -> Entry:
        entries = self._manifest().entries
        if name is None:
            return entries[0]
        for entry in entries:
            if entry.name == name:
                return entry
        raise UsageError(f"{self.name} has no entry {name}", advice=f"it has {', '.join(one.name for one in entries)}")

    def _bind(self, entry: Entry, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        several = entry.positional[-1][1:] if entry.positional and entry.positional[-1].startswith("*") else None
        if several is not None:
            place = len(entry.positional) - 1
            args = (*args[:place], list(args[place:])) if len(args) > place else args
        if len(args) > len(entry.parameters):
            raise UsageError(f"{entry.name} takes {len(entry.parameters)} arguments, found {len(args)}")
        named = {**{parameter.name: value for parameter, value in zip(entry.parameters, args, strict=False)}, **kwargs}
        tables = {parameter.name: parameter.type for parameter in entry.parameters
                  if hasattr(named.get(parameter.name), "iloc")}
        return named | {name: write_argument(spec, named[name]) for name, spec in tables.items()}

    def metrics(self) -> Metrics:
        """Give what it did in the last minutes."""
        with closing(open_registry(registry_path())) as registry:
            return Metrics(self.name, tuple(list_samples(registry, self.name, time.time() - WINDOW)), self._target)

    def logs(self, lines: int = 50) -> Logs:
        """Give its last log records."""
        return Logs(self._target.logs(self.name, lines=lines))

    def rollback(self, version: str | None = None) -> Endpoint:
        """Go back to the previous version, or to `version`."""
        self._target.rollback(self.name, version)
        return Endpoint(self.name, target=self._target, api_key=self._api_key)

    def promote(self) -> Endpoint:
        """Make the canary or shadow the live version."""
        if lacks := self._target.promote(self.name).lacks:
            sys.stderr.write(f"warning: {describe_lacks(lacks)}\n")
        return Endpoint(self.name, target=self._target, api_key=self._api_key)

    def abort(self) -> Endpoint:
        """Take the canary or shadow away."""
        self._target.abort(self.name)
        return Endpoint(self.name, target=self._target, api_key=self._api_key)

    def differences(self) -> Differences:
        """Give the places at which a shadow's answers differ from the live version's: the first ones, as a table."""
        return Differences(read_differences(self.name))

    def stop(self) -> None:
        """Stop it; `%deploy --start NAME` brings it back."""
        self._target.stop(self.name)

    def __repr__(self) -> str:
        return _write_lines(self._rows())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Show it in a notebook as a live panel, in a saved one as a table with links, elsewhere as text."""
        rows = self._rows()
        live = view_live(self._target, self.name) if self._is_there else {}
        return {"text/plain": _write_lines(rows), "text/html": write_table(rows), **live}

    @property
    def _is_there(self) -> bool:
        return any(record.name == self.name for record in find_records(self._target.name, None))

    def _rows(self) -> list[tuple[str, str]]:
        if not self._is_there:
            return [("endpoint", self.name), ("state", "gone: it was removed")]
        status = self.status
        rows = [("endpoint", self.name), ("url", status.url), ("docs", f"{status.url}/docs"),
                *describe_standing(status, self.release)]
        bundle = next((Path(one.bundle) for one in status.versions if one.version == status.version), None)
        with suppress(BundleDamaged):
            if bundle is not None and status.state in ANSWERS:
                rows.append(("try", curl_line(status.url, read_manifest(bundle), bundle)))
        return rows


def _write_lines(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"{key:<9}{value}" for key, value in rows)


def write_table(rows: list[tuple[str, str]]) -> str:
    """Write rows of a heading and a text as an HTML table."""
    cells = []
    for key, value in rows:
        text = html.escape(value)
        if key in ("url", "docs"):
            text = f'<a href="{text}" target="_blank" rel="noopener">{text}</a>'
        elif key == "try":
            text = f'<code style="white-space: pre-wrap">{text}</code>'
        cells.append(f'<tr><th style="text-align: left">{key}</th><td style="text-align: left">{text}</td></tr>')
    return f"<table>{''.join(cells)}</table>"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def _error_text(body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
        if not isinstance(error, dict):
            return str(error)
        return str(error.get("message", error)) + (f": {error['id']}" if "id" in error else "")
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:500]


def find_endpoint(name: str, *, target: str | None = None, api_key: str | None = None) -> Endpoint:
    """Give the endpoint called `name` (raises `TargetError` when there is none)."""
    place = find_target_of(name, target)
    place.status(name)
    return Endpoint(name, target=place, api_key=api_key)
