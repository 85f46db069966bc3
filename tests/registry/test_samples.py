from __future__ import annotations

from contextlib import closing

import pytest

from jupyter_deploy.metrics import Sample
from jupyter_deploy.registry import add_sample, list_samples, open_registry, roll_up
from jupyter_deploy.registry.samples import RESOLUTIONS

DAY = 24 * 3600


@pytest.fixture
def registry(tmp_path):
    with closing(open_registry(tmp_path / "registry.db")) as registry:
        registry.execute("PRAGMA synchronous = OFF")
        yield registry


def sample(time, requests=1):
    return Sample(time, 1.0, requests, 0, {0.001: requests}, in_flight=2, workers=1, cpu=0.1, memory=100)


def test_samples_come_back_as_they_were(registry):
    add_sample(registry, "tiny", sample(10.5))
    add_sample(registry, "other", sample(10.5))
    assert list_samples(registry, "tiny", 0.0) == [sample(10.5)]
    assert list_samples(registry, "tiny", 10.5) == []


def test_seconds_become_minutes_and_no_request_is_lost_or_counted_twice(registry):
    for second in range(1, 151):
        add_sample(registry, "tiny", sample(float(second)))
        roll_up(registry, "tiny", float(second))
    minutes = list_samples(registry, "tiny", 0.0, 60)
    assert [(one.time, one.requests, one.seconds) for one in minutes] == [(60.0, 60, 60.0), (120.0, 60, 60.0)]
    assert minutes[0].latency == {0.001: 60}
    assert (minutes[0].cpu, minutes[0].memory) == (pytest.approx(6.0), 100)


def test_what_is_kept_is_bounded(registry):
    end = 33 * DAY
    times = [*range(1, end - 1800, 300), *range(end - 1800, end)]
    with registry:
        registry.executemany(
            "INSERT INTO samples (deployment, resolution, time, seconds, requests, errors, latency, in_flight, workers, cpu,"
            " memory) VALUES ('tiny', 1, ?, 1, 1, 0, '{\"0.001\": 1}', 0, 1, 0, 0)",
            [(float(time),) for time in times],
        )
    roll_up(registry, "tiny", float(end))
    for resolution in RESOLUTIONS:
        kept = list_samples(registry, "tiny", 0.0, resolution.seconds)
        assert kept
        assert len(kept) <= resolution.kept / resolution.seconds
        assert kept[0].time > end - resolution.kept
    quarters = list_samples(registry, "tiny", 0.0, 900)
    assert {one.requests for one in quarters[:-3]} == {3}
