"""A clock that is set: nothing is decided by it, and no sample gets a length from it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import jupyter_deploy
from jupyter_deploy.metrics import Sampler
from jupyter_deploy.runtime.counters import Counters

PACKAGE = Path(jupyter_deploy.__file__).parent
SAYS_WHEN = {
    "runtime/counters.py",  # when a prediction was last answered: a metric
    "runtime/server.py",  # the date header
    "runtime/shadow.py",  # when an answer was compared: for people
    "targets/local/ledger.py",  # when an event or a sample was: for people
}
"""Where the time of day is read, only to be told."""


def reads_the_clock(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
         and (node.value.id, node.attr) in {("time", "time"), ("datetime", "now"), ("dt", "now")})
        or (isinstance(node, ast.Name) and node.id == "formatdate" and isinstance(node.ctx, ast.Load))
        for node in ast.walk(tree))


def test_what_serves_and_what_supervises_decides_nothing_by_the_time_of_day() -> None:
    files = [*(PACKAGE / "runtime").rglob("*.py"), *(PACKAGE / "targets" / "local").rglob("*.py")]
    assert {str(path.relative_to(PACKAGE)) for path in files if reads_the_clock(path)} <= SAYS_WHEN


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_sample_is_as_long_as_it_took(tmp_path: Path, jump: float) -> None:
    path = tmp_path / "one.metrics"
    counters = Counters("tiny", "one", ["answer"], path)
    sampler = Sampler(1000.0, 10.0)
    counters.meters["answer"].answered(200, 0.001)
    sample = sampler.take([path], 1, 1000.0 + jump, steady=11.0)
    assert sample is not None
    assert (sample.time, sample.seconds, sample.rate) == (1000.0 + jump, 1.0, 1.0)
    # And an idle endpoint still gives one sample a minute.
    assert sampler.take([path], 1, 1000.0, steady=12.0) is None
    idle = sampler.take([path], 1, 1060.0, steady=71.5)
    assert idle is not None
    assert idle.seconds == 60.5
