"""Counters of a service that writes no metrics file on this machine: read from its `/metrics`, kept as one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

from jupyter_deploy.runtime.metrics import Metrics, Sample, Series
from jupyter_deploy.targets.local.forwarding import fetch

OWNER = "x-nbdeploy-owner"
"""A header that admits to `/metrics` without the callers' key: the key's digest, which only this user's files hold."""
_SECONDS = 3.0
_INFO = "nbdeploy_model_info"
"""The series that says which service it is, and in which version."""
_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = tuple[tuple[str, str], ...]


class Scraper:
    """Keeps the metrics file of one container up to date."""

    def __init__(self, port: int, file: Path, name: str, digest: str | None) -> None:
        self.port = port
        self.file = file
        self.foreign = False
        """Whether somebody else answered on the port: a container that is gone leaves its port to whoever comes.

        So does an engine's proxy, by ending the connection, for a container that still starts.
        """
        self._name = name
        self._version: str | None = None
        self._headers = {} if digest is None else {OWNER: digest}
        self._metrics: Metrics | None = None
        self._series: tuple[Series, ...] = ()

    async def scrape(self) -> bool:
        """Read the counters once; tells whether the service answered."""
        try:
            status, body = await fetch(self.port, "/metrics", self._headers, _SECONDS)
        except asyncio.TimeoutError:
            return False
        except OSError:
            self.foreign = False  # nobody is there
            return False
        if status == b"503":  # which a service of ours says that has no room
            return False
        try:
            samples = parse_samples(body.decode())
        except ValueError:
            samples = []
        self.foreign = status != b"200" or not self._is_ours(samples)
        if not self.foreign:
            self._write(samples)
        return not self.foreign

    def _is_ours(self, samples: list[Sample]) -> bool:
        """Whether the service says that it is the deployment, in the version that it had the first time."""
        told = next((dict(one.series.labels) for one in samples if one.series.name == _INFO), {})
        if told.get("name") != self._name:
            return False
        self._version = self._version or told["version"]
        return told["version"] == self._version

    def _write(self, samples: list[Sample]) -> None:
        series = tuple(one.series for one in samples)
        if self._metrics is None or series != self._series:
            self._metrics, self._series = Metrics(series, self.file), series
        for one in samples:
            first = self._metrics.slot(one.series)
            for offset, value in enumerate(one.values):
                self._metrics.slots[first + offset] = value


def parse_samples(text: str) -> list[Sample]:
    """Read back what `render` wrote (raises `ValueError` when it is something else)."""
    kinds: dict[str, str] = {}
    helps: dict[str, str] = {}
    scalars: dict[tuple[str, Labels], float] = {}
    buckets: dict[tuple[str, Labels], list[tuple[float, float]]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            _, what, name, rest = line.split(" ", 3)
            (helps if what == "HELP" else kinds)[name] = rest
            continue
        name, labels, value = _parse_line(line)
        family = name.removesuffix("_bucket")
        if kinds.get(family) == "histogram":
            edge = float(dict(labels)["le"])
            buckets.setdefault((family, labels[:-1]), []).append((edge, value))
        else:
            scalars[name, labels] = value
    samples = [Sample(Series(name, kinds[name], helps[name], labels, bounds=tuple(edge for edge, _ in found[:-1])),  # type: ignore[arg-type]  # what Series says is what render writes
                      (*_differences(found), scalars.pop((f"{name}_sum", labels))))
               for (name, labels), found in buckets.items()]
    samples += [Sample(Series(name, kinds[name], helps[name], labels), (value,))  # type: ignore[arg-type]
                for (name, labels), value in scalars.items() if name in kinds]
    return samples


def _parse_line(line: str) -> tuple[str, Labels, float]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"not a line of metrics: {line[:80]!r}")
    labels = tuple((name, _unescape(value)) for name, value in _LABEL.findall(found[2] or ""))
    return found[1], labels, float(found[3])


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], value)


def _differences(found: list[tuple[float, float]]) -> Iterator[float]:
    """Give each bucket its own count: what is written adds up."""
    before = 0.0
    for _, count in found:
        yield count - before
        before = count
