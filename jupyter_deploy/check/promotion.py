"""The kernel's side of `nbdeploy up --promote-if`: candidates that go live together, or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import DeployError, TargetError
from jupyter_deploy.gate import Facts, Gate, Verdict, judge_gate
from jupyter_deploy.magics import RESULT, is_dry_run
from jupyter_deploy.recipe import Release, StagedRelease, go_live
from jupyter_deploy.report import summarise
from jupyter_deploy.targets.target import Target


@dataclasses.dataclass(frozen=True)
class Promotable:
    """A proven candidate with what the notebook recorded."""

    staged: StagedRelease
    release: Release
    """As if it were live already."""
    metrics: Mapping[str, Any]


def promote_all(candidates: Sequence[Promotable], gate: Gate, tests: tuple[bool, ...]) -> None:
    """Make the candidates live when the gate is met for each, and write what `nbdeploy up` waits for.

    Raises
    ------
    DeployError
        When the gate cannot be decided, or a target fails.

    """
    verdicts = [judge_gate(gate, Facts(one.metrics, read_previous(one.staged.target, one.release.deployment.name),
                                       tests)) for one in candidates]
    met = all(verdict.met for verdict in verdicts)
    for one, verdict in zip(candidates, verdicts, strict=True):
        release, live = one.release, met and not is_dry_run()
        if live:
            release = go_live(one.staged, one.metrics, _say_nothing, time.perf_counter())
        _write(release, verdict, one.metrics, live=live)


def read_previous(target: Target, name: str) -> Mapping[str, Any] | None:
    """Give the metrics of the version that is live; None when there is none."""
    with suppress(TargetError):
        status = target.status(name)[0]
        live = next((one for one in status.versions if one.version == status.version), None)
        return dict((live.proof or {}).get("metrics", {})) if live is not None else None
    return None


def _say_nothing(_name: str, _text: str, _seconds: float) -> None:
    pass


def _write(release: Release, verdict: Verdict, metrics: Mapping[str, Any], *, live: bool) -> None:
    if RESULT not in os.environ:
        raise DeployError(f"the environment variable {RESULT} names no file for the outcome")
    summary = {**summarise(release, [], live=live), "metrics": dict(metrics), "gate": dataclasses.asdict(verdict)}
    Path(os.environ[RESULT]).write_text(json.dumps(summary), encoding="utf-8")
