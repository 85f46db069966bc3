"""Samples, kept finely for minutes and coarsely for a month."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from dataclasses import dataclass

from jupyter_deploy.metrics import Sample, combine_samples
from jupyter_deploy.registry.database import Connection


@dataclass(frozen=True)
class Resolution:
    """How long samples of one width are kept."""

    seconds: int
    kept: int
    """Seconds."""


RESOLUTIONS = (Resolution(1, 15 * 60), Resolution(60, 24 * 3600), Resolution(900, 31 * 24 * 3600))
"""From the finest to the coarsest."""

_COLUMNS = ("time, seconds, requests, errors, latency, in_flight, workers, cpu, memory, batches, batched, gpu,"
            " gpu_memory")
_PLACES = ", ".join("?" * (len(_COLUMNS.split(",")) + 2))


def add_sample(connection: Connection, deployment: str, sample: Sample) -> None:
    """Keep a sample at the finest resolution."""
    with connection:
        _write(connection, deployment, RESOLUTIONS[0], sample)


def list_samples(connection: Connection, deployment: str, since: float, resolution: int = 1) -> list[Sample]:
    """Give the samples after `since` (seconds since 1970) at a width of 1, 60 or 900 seconds, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM samples WHERE deployment = ? AND resolution = ? AND time > ? ORDER BY time",  # noqa: S608 - a constant
        (deployment, resolution, since),
    )
    return [
        Sample(time, seconds, requests, errors, _read_latency(latency), *others)
        for time, seconds, requests, errors, latency, *others in rows
    ]


@functools.lru_cache(4096)
def _read_latency(text: str) -> dict[float, int]:
    return {float(bound): count for bound, count in json.loads(text).items()} if text != "{}" else {}


def roll_up(connection: Connection, deployment: str, now: float) -> None:
    """Make the coarser samples of the complete intervals since the last time, and drop what is past its keeping."""
    with connection:
        for fine, coarse in itertools.pairwise(RESOLUTIONS):
            _roll_up(connection, deployment, fine, coarse, now)
        for resolution in RESOLUTIONS:
            connection.execute(
                "DELETE FROM samples WHERE deployment = ? AND resolution = ? AND time <= ?",
                (deployment, resolution.seconds, now - resolution.kept),
            )


def _roll_up(connection: Connection, deployment: str, fine: Resolution, coarse: Resolution, now: float) -> None:
    (last,) = connection.execute(
        "SELECT MAX(time) FROM samples WHERE deployment = ? AND resolution = ?", (deployment, coarse.seconds)
    ).fetchone()
    complete = now // coarse.seconds
    intervals: dict[float, list[Sample]] = {}
    for sample in list_samples(connection, deployment, last or 0.0, fine.seconds):
        # A sample ends at its time, so one on the edge belongs to the interval that ends there.
        intervals.setdefault(-(-sample.time // coarse.seconds), []).append(sample)
    for interval, samples in intervals.items():
        if interval <= complete:
            whole = combine_samples(samples)
            _write(connection, deployment, coarse, _end_at(whole, interval * coarse.seconds))


def _end_at(sample: Sample, time: float) -> Sample:
    return dataclasses.replace(sample, time=time)


def _write(connection: Connection, deployment: str, resolution: Resolution, sample: Sample) -> None:
    latency = json.dumps({str(bound): count for bound, count in sample.latency.items()})
    connection.execute(
        f"INSERT OR REPLACE INTO samples (deployment, resolution, {_COLUMNS}) VALUES ({_PLACES})",  # noqa: S608 - a constant
        (deployment, resolution.seconds, sample.time, sample.seconds, sample.requests, sample.errors, latency,
         sample.in_flight, sample.workers, sample.cpu, sample.memory, sample.batches, sample.batched, sample.gpu,
         sample.gpu_memory),
    )
