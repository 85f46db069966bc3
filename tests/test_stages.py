"""How the stages of a deployment are told."""

from __future__ import annotations

from typing import cast

from jupyter_deploy.recipe import _start
from jupyter_deploy.report import Stage
from jupyter_deploy.targets.target import Candidate, Plan, Report, Target


class Building:
    """A target that makes something before it starts the service, and tells of it."""

    def stage(self, plan: Plan, report: Report) -> Candidate:
        report("build", "compiling …", 0.0)
        report("service", "service 0.01 MB", 1000.0)
        return Candidate("tiny", "1", "http://127.0.0.1:1", "handle", (), {})


def test_a_stage_that_begins_is_told_without_a_time() -> None:
    assert str(Stage("build", "compiling …", 0.0)) == "build        compiling …"
    assert str(Stage("service", "done", 1.5)).endswith(" 1.50 s")


def test_the_start_does_not_count_what_was_told_before_it() -> None:
    told: list[Stage] = []
    _start(cast(Target, Building()), cast(Plan, None), lambda *about: told.append(Stage(*about)))
    assert [one.name for one in told] == ["build", "service", "start"]
    assert told[-1].seconds < 0
