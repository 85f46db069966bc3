"""The metrics file, and the numbers that two workers write."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import httpx
import pytest

from jupyter_deploy.runtime.counters import Counters
from jupyter_deploy.runtime.metrics import (
    Metrics,
    Series,
    clear_gauges,
    merge,
    read_folder,
    read_metrics,
    render,
    total,
)
from jupyter_deploy.runtime.options import Options

HITS = Series("hits_total", "counter", "Hits.", (("code", "200"),))
LEVEL = Series("level", "gauge", "Level.")
LAST = Series("last", "gauge", "Last.", merge="max")
TIMES = Series("times_seconds", "histogram", "Times.", bounds=(0.1, 1.0))


def test_write_while_read(tmp_path):
    metrics = Metrics([HITS, TIMES, LEVEL], tmp_path / "1.metrics")
    assert total(read_metrics(tmp_path / "1.metrics"), "hits_total") == 0
    metrics.slots[metrics.slot(HITS)] += 2
    metrics.slots[metrics.slot(LEVEL)] = 0.5
    observe = metrics.observer(TIMES)
    for value in (0.1, 0.05, 0.5, 30.0):
        observe(value)
    assert metrics.read() == read_metrics(tmp_path / "1.metrics")
    assert render(metrics.read()) == (
        "# HELP hits_total Hits.\n# TYPE hits_total counter\n"
        'hits_total{code="200"} 2\n'
        "# HELP times_seconds Times.\n# TYPE times_seconds histogram\n"
        'times_seconds_bucket{le="0.1"} 2\ntimes_seconds_bucket{le="1"} 3\ntimes_seconds_bucket{le="+Inf"} 4\n'
        "times_seconds_sum 30.65\ntimes_seconds_count 4\n"
        "# HELP level Level.\n# TYPE level gauge\nlevel 0.5\n"
    )


def test_merge_and_clear(tmp_path):
    for number in (1, 2):
        metrics = Metrics([HITS, TIMES, LEVEL, LAST], tmp_path / f"{number}.metrics")
        metrics.slots[metrics.slot(HITS)] = number
        metrics.slots[metrics.slot(LEVEL)] = number
        metrics.slots[metrics.slot(LAST)] = number
        metrics.observer(TIMES)(number)
    samples = read_folder(tmp_path)
    assert [total(samples, name) for name in ("hits_total", "level", "last", "times_seconds")] == [3, 3, 2, 2]
    clear_gauges(tmp_path / "1.metrics")
    samples = read_folder(tmp_path)
    assert [total(samples, name) for name in ("hits_total", "level", "last", "times_seconds")] == [3, 2, 2, 2]
    assert total(samples, "hits_total", code="500") == 0
    assert merge([]) == []


def test_labels_are_escaped():
    metrics = Metrics([Series("x_total", "counter", "X.", (("name", 'a"b\\c\nd'),))])
    assert 'x_total{name="a\\"b\\\\c\\nd"} 0' in render(metrics.read())


def test_other_file(tmp_path):
    (tmp_path / "a.metrics").write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a metrics file"):
        read_metrics(tmp_path / "a.metrics")


def test_two_workers_add_up(bundle, start_supervised, tmp_path):
    workers = [start_supervised(bundle, "--metrics-file", str(tmp_path / f"{number}.metrics")) for number in (1, 2)]
    for worker in workers:
        httpx.post(f"{worker.url}/add", json={"x": 1})
    httpx.post(f"{workers[0].url}/add", json={"x": "one"})
    pages = [httpx.get(f"{worker.url}/metrics").text for worker in workers]
    for page in pages:
        assert 'nbdeploy_requests_total{entry="add",version=' in page
        lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
        version = next(name for name in lines if name.startswith("nbdeploy_model_info")).split('"')[3]
        label = f'entry="add",version="{version}"'
        assert lines[f'nbdeploy_requests_total{{{label},code="200"}}'] == "2"
        assert lines[f'nbdeploy_requests_total{{{label},code="422"}}'] == "1"
        assert lines[f'nbdeploy_requests_total{{{label},code="500"}}'] == "0"
        assert lines[f"nbdeploy_request_duration_seconds_count{{{label}}}"] == "3"
        assert lines[f"nbdeploy_inference_duration_seconds_count{{{label}}}"] == "2"
        assert lines[f'nbdeploy_model_ready{{version="{version}"}}'] == "2"
        assert float(lines["process_resident_memory_bytes"]) > 1e6
    workers[0].process.kill()
    workers[0].process.wait()
    clear_gauges(tmp_path / "1.metrics")
    samples = read_folder(tmp_path)
    assert total(samples, "nbdeploy_model_ready") == 1
    assert total(samples, "nbdeploy_requests_total", entry="add") == 3


def test_documented():
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    counters = Counters("name", "version", ["add"], None)
    names = {sample.series.name for sample in counters.metrics.read()}
    options = {f"--{field.name.replace('_', '-').removesuffix('s')}" for field in fields(Options) if field.name not in ("command", "bundle")}
    assert [name for name in sorted(names | options) if f"`{name}`" not in page] == []
