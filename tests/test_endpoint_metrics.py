from __future__ import annotations

import pytest

from jupyter_deploy.metrics import ENDED, Sample, Sampler, combine_samples, fold_metrics
from jupyter_deploy.runtime.counters import Counters
from jupyter_deploy.runtime.metrics import read_folder, total


def start_worker(folder, name, version="v1"):
    counters = Counters("tiny", version, ["predict"], folder / f"{name}.metrics")
    return counters, counters.meters["predict"]


def test_a_sample_is_what_was_counted_between_two_readings(tmp_path):
    counters, meter = start_worker(tmp_path, "a")
    _, other = start_worker(tmp_path, "b")
    files = [tmp_path / "a.metrics", tmp_path / "b.metrics"]
    sampler = Sampler(100.0)
    meter.answered(200, 0.002)
    sampler.skip(files)
    meter.answered(200, 0.004)
    meter.answered(500, 0.04)
    other.answered(422, 0.0001)
    counters.slots[counters.in_progress] = 3
    sample = sampler.take(files, 2, 102.0)
    assert sample is not None
    assert (sample.time, sample.seconds, sample.requests, sample.errors) == (102.0, 2.0, 3, 1)
    assert sample.latency == {0.0005: 1, 0.005: 1, 0.05: 1}
    assert (sample.rate, sample.error_rate, sample.in_flight, sample.workers) == (1.5, 0.5, 3, 2)


def test_an_idle_endpoint_gives_one_sample_a_minute(tmp_path):
    start_worker(tmp_path, "a")
    sampler = Sampler(0.0)
    samples = [sampler.take([tmp_path / "a.metrics"], 1, float(second)) for second in range(1, 151)]
    assert [(one.time, one.seconds) for one in samples if one] == [(1.0, 1.0), (61.0, 60.0), (121.0, 60.0)]


def test_ended_workers_keep_their_counters_in_one_file(tmp_path):
    sampler = Sampler(0.0)
    for number in range(3):
        counters, meter = start_worker(tmp_path, f"worker-{number}")
        counters.slots[counters.in_progress] = 1
        meter.answered(200, 0.002)
        fold_metrics(tmp_path / f"worker-{number}.metrics")
    assert [path.name for path in tmp_path.iterdir()] == [ENDED]
    merged = read_folder(tmp_path)
    assert total(merged, "nbdeploy_requests_total") == 3
    assert total(merged, "nbdeploy_requests_in_progress") == 0
    sample = sampler.take([tmp_path / ENDED], 0, 1.0)
    assert sample is not None
    assert sample.requests == 3


def test_the_counters_of_the_last_five_versions_are_kept(tmp_path):
    for number in range(8):
        _, meter = start_worker(tmp_path, "a", version=f"v{number}")
        meter.answered(200, 0.002)
        fold_metrics(tmp_path / "a.metrics")
    merged = read_folder(tmp_path)
    counts = {f"v{number}": total(merged, "nbdeploy_requests_total", version=f"v{number}") for number in range(8)}
    assert counts == {"v0": 0, "v1": 0, "v2": 0, "v3": 1, "v4": 1, "v5": 1, "v6": 1, "v7": 1}


def test_a_file_that_is_not_there_yet(tmp_path):
    fold_metrics(tmp_path / "none.metrics")
    assert Sampler(0.0).take([tmp_path / "none.metrics"], 0, 60.0) == Sample(60.0, 60.0, 0, 0)


@pytest.mark.parametrize(("latency", "share", "expected"), [
    ({}, 0.5, None),
    ({0.001: 10}, 0.5, 0.00075),
    ({0.001: 10}, 1.0, 0.001),
    ({0.001: 50, 0.1: 50}, 0.5, 0.001),
    ({0.001: 50, 0.1: 50}, 0.75, 0.075),
    ({0.001: 1, float("inf"): 9}, 0.95, 30.0),
])
def test_quantiles(latency, share, expected):
    assert Sample(0.0, 1.0, 10, 0, latency).quantile(share) == (expected and pytest.approx(expected))


def test_combined_samples_add_up_counts_and_keep_the_highest_level():
    combined = combine_samples([
        Sample(1.0, 1.0, 10, 1, {0.001: 10}, in_flight=5, workers=2, cpu=0.5, memory=10),
        Sample(2.0, 1.0, 2, 0, {0.001: 1, 0.1: 1}, in_flight=1, workers=1, cpu=0.1, memory=30),
    ])
    assert combined == Sample(2.0, 2.0, 12, 1, {0.001: 11, 0.1: 1}, in_flight=5, workers=2, cpu=0.6, memory=30)
    assert combined.describe()["rate"] == 6.0
