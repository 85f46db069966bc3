"""Counters that any process can read while they move: one small memory-mapped file a worker.

Layout of a file: 8 bytes magic, 8 bytes header length (little endian), the header, then one float64 a slot.
The header is JSON and names the series in the order of their slots: `{"series": [{"name", "kind", "help",
"merge", "labels", "bounds"}]}`, padded with spaces to a multiple of 8 bytes. A counter or gauge has one slot;
a histogram has one for each bucket (not cumulative), one for the bucket above the last bound, and one for the sum.
A slot has one writer and is stored whole, so a reader needs no lock.
"""

from __future__ import annotations

import json
import mmap
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

MAGIC = b"nbdmet01"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of a duration's buckets."""


@dataclass(frozen=True)
class Series:
    """One thing that is counted, under one set of labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[tuple[str, str], ...] = ()
    merge: Literal["sum", "max"] = "sum"
    """How the values of several workers become one."""
    bounds: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """The number of its slots."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


@dataclass(frozen=True)
class Sample:
    """What a series' slots hold."""

    series: Series
    values: tuple[float, ...]


class Metrics:
    """A worker's own series, for writing.

    Parameters
    ----------
    series
        All of them: the layout is fixed once it is written, and every slot begins at 0.
    path
        The file to create; None keeps the slots in memory.

    """

    def __init__(self, series: Sequence[Series], path: Path | None = None) -> None:
        header = json.dumps({"series": [asdict(one) for one in series]}).encode()
        header += b" " * (-len(header) % 8)
        start = MAGIC + struct.pack("<Q", len(header)) + header
        image = start + bytes(8 * sum(one.width for one in series))
        self.path: Path | None = path
        """None also where the file could not be written: a full disk is no reason not to serve."""
        try:
            self._map = _map_memory(image) if path is None else _map_file(image, path)
        except OSError:
            self.path = None
            self._map = _map_memory(image)
        self.slots = memoryview(self._map)[len(start):].cast("d")
        self._first: dict[Series, int] = {}
        for one in series:
            self._first[one] = sum(other.width for other in self._first)

    def slot(self, series: Series) -> int:
        """Give the index of the series' first slot: `slots[index] += 1` counts."""
        return self._first[series]

    def span(self, series: Series) -> tuple[int, int]:
        """Give the indices of a histogram's first slot and of its sum."""
        first = self._first[series]
        return first, first + series.width - 1

    def observer(self, series: Series) -> Callable[..., None]:
        """Give the function that adds observations to a histogram."""
        slots, bounds = self.slots, series.bounds
        first, total = self.span(series)

        def observe(*values: float) -> None:
            for value in values:
                slots[first + bisect_left(bounds, value)] += 1
                slots[total] += value

        return observe

    def clear(self) -> None:
        """Begin again at 0."""
        for index in range(len(self.slots)):
            self.slots[index] = 0

    def read(self) -> list[Sample]:
        """Give the present values."""
        return _parse(bytes(self._map))


def _map_memory(image: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(image))
    memory[:] = image
    return memory


def _map_file(image: bytes, path: Path) -> mmap.mmap:
    # Written aside and renamed, so that nobody reads half a header.
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_bytes(image)
        fresh.rename(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), len(image))


def _parse(data: bytes) -> list[Sample]:
    if data[:8] != MAGIC:
        raise ValueError(f"not a metrics file: it begins with {data[:8]!r}, not {MAGIC!r}")
    (length,) = struct.unpack_from("<Q", data, 8)
    samples, offset = [], 16 + length
    for raw in json.loads(data[16 : 16 + length])["series"]:
        labels = tuple((name, value) for name, value in raw["labels"])
        series = Series(**{**raw, "labels": labels, "bounds": tuple(raw["bounds"])})
        samples.append(Sample(series, struct.unpack_from(f"<{series.width}d", data, offset)))
        offset += 8 * series.width
    return samples


def read_metrics(path: Path) -> list[Sample]:
    """Read a worker's file, also while it is written (raises `ValueError` when it is none)."""
    return _parse(path.read_bytes())


def read_folder(folder: Path) -> list[Sample]:
    """Add up all `*.metrics` files of a folder: a deployment's workers, living and dead."""
    return merge(read_metrics(path) for path in sorted(folder.glob("*.metrics")))


def merge(readings: Iterable[Iterable[Sample]]) -> list[Sample]:
    """Make one reading of several workers': sums, or the largest where the series says so."""
    merged: dict[Series, tuple[float, ...]] = {}
    for sample in (sample for reading in readings for sample in reading):
        series, values = sample.series, sample.values
        if series in merged:
            combine = max if series.merge == "max" else float.__add__
            values = tuple(combine(one, other) for one, other in zip(merged[series], values, strict=True))
        merged[series] = values
    return [Sample(series, values) for series, values in merged.items()]


def clear_gauges(path: Path) -> None:
    """Zero a dead worker's gauges: what it counted stays, what it was doing has ended."""
    samples = read_metrics(path)
    offset = path.stat().st_size - 8 * sum(sample.series.width for sample in samples)
    with path.open("r+b") as file:
        for sample in samples:
            if sample.series.kind == "gauge":
                file.seek(offset)
                file.write(bytes(8))
            offset += 8 * sample.series.width


def total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """Add up a counter or gauge (of a histogram: the number of observations) over all labels not given."""
    wanted = labels.items()
    return sum(
        sum(sample.values[:-1]) if sample.series.kind == "histogram" else sample.values[0]
        for sample in samples
        if sample.series.name == name and wanted <= dict(sample.series.labels).items()
    )


def render(samples: Iterable[Sample]) -> str:
    """Write the samples in Prometheus' text format, version 0.0.4."""
    families: dict[str, list[Sample]] = {}
    for sample in samples:
        families.setdefault(sample.series.name, []).append(sample)
    lines = []
    for name, members in families.items():
        lines += [f"# HELP {name} {members[0].series.help}", f"# TYPE {name} {members[0].series.kind}"]
        for member in members:
            lines += _render_sample(member)
    return "\n".join(lines) + "\n"


def _render_sample(sample: Sample) -> list[str]:
    series, values = sample.series, sample.values
    if series.kind != "histogram":
        return [f"{series.name}{_braces(series.labels)} {_number(values[0])}"]
    lines, count = [], 0.0
    for bound, value in zip((*series.bounds, float("inf")), values[:-1], strict=True):
        count += value
        edge = "+Inf" if bound == float("inf") else _number(bound)
        lines.append(f"{series.name}_bucket{_braces((*series.labels, ('le', edge)))} {_number(count)}")
    return [
        *lines,
        f"{series.name}_sum{_braces(series.labels)} {_number(values[-1])}",
        f"{series.name}_count{_braces(series.labels)} {_number(count)}",
    ]


def _braces(labels: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}" if labels else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
