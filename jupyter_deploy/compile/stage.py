"""Compiling the models of a capture: tried one by one, kept only if equal and faster."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from jupyter_deploy.capture.capture import Capture
from jupyter_deploy.capture.models import is_model, is_torch_module
from jupyter_deploy.capture.state import StateValue
from jupyter_deploy.capture.usage import find_use
from jupyter_deploy.compile.candidate import Candidate, find_candidate
from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.partial import try_partial, write_partial
from jupyter_deploy.compile.rows import make_rows
from jupyter_deploy.compile.trial import ATOL, MANY, RTOL, Trial, try_out
from jupyter_deploy.runtime.compiled import build_model
from jupyter_deploy.runtime.compiled.description import parse_description, write_description
from jupyter_deploy.runtime.manifest import Compiled

TIMEOUT = 20.0
"""Seconds after which a model stays as it is."""
EXTRA = "nbdeploy[compile]"


@dataclass(frozen=True)
class Outcome:
    """What became of a model."""

    name: str
    type: str
    form: str | None
    """What computes the compiled form; None: the model stays as it is."""
    reason: str = ""
    """Why it stays."""
    trial: Trial | None = None

    def __str__(self) -> str:
        if self.trial is None:
            return f"{self.name}: not compiled, {self.reason}"
        equal = "equal to the last bit" if self.trial.difference == 0 else f"within {self.trial.difference:.0e}"
        return (f"{self.name}: compiled ({self.form}), {equal} on {self.trial.rows} rows, "
                f"{self.trial.faster_alone:.0f}x faster for one row, {self.trial.faster_together:.0f}x for {MANY}")

    @property
    def brief(self) -> str:
        """Say it in the few words that a line of progress has room for."""
        if self.trial is None:
            return f"{self.name} stays as it is: {self.reason}"
        equal = "equal" if self.trial.difference == 0 else f"within {self.trial.difference:.0e}"
        return f"{self.name} {self.trial.faster_alone:.0f}x faster, {equal}"

    def dump(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {"name": self.name, "type": self.type, "form": self.form, "reason": self.reason,
                **({} if self.trial is None else asdict(self.trial))}


def brief_outcomes(outcomes: Sequence[Outcome]) -> str:
    """Say in one line what became of models; those that stay as they are for one reason are told together."""
    names: dict[str, list[str]] = {}
    for one in outcomes:
        names.setdefault(one.reason if one.trial is None else one.name, []).append(one.name)
    several = {reason: alike for reason, alike in names.items() if len(alike) > 1}
    told = {reason: f"{', '.join(alike)} stay as they are: {reason}" for reason, alike in several.items()}
    briefs = (told.get(one.reason, one.brief) if one.trial is None else one.brief for one in outcomes)
    return "; ".join(dict.fromkeys(briefs))


def list_models(captured: Capture) -> list[str]:
    """Name the values of the state that could be compiled."""
    return [name for name, value in sorted(captured.code.live.items()) if is_model(value)]


def compile_models(captured: Capture) -> tuple[Capture, tuple[Outcome, ...]]:
    """Give the capture with compiled forms of its models where they are equal and faster, and what became of each."""
    values: dict[str, StateValue] = {}
    outcomes = []
    for name in list_models(captured):
        outcome, value = _compile_in_time(captured, name, captured.code.live[name])
        outcomes.append(outcome)
        if value is not None:
            values[name] = value
    return (captured.replace_state(values) if values else captured), tuple(outcomes)


def _compile_in_time(captured: Capture, name: str, model: Any) -> tuple[Outcome, StateValue | None]:
    """Compile in a thread of its own: what hangs there costs its time-out and nothing else."""
    kind = captured.code.state[name].type
    done: list[tuple[Candidate, Trial, StateValue]] = []
    reasons: list[str] = []

    def run() -> None:
        try:
            done.append(_compile(captured, name, model))
        except NotCompiled as error:
            reasons.append(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a candidate does, the model still is there
            reasons.append(f"its compiled form failed: {type(error).__name__}: {error}".partition("\n")[0])

    thread = threading.Thread(target=run, name=f"compile {name}", daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if not done:
        reason = reasons[0] if reasons else f"it was not done after {TIMEOUT:.0f} s"
        return Outcome(name, kind, None, reason), None
    candidate, trial, value = done[0]
    tolerance = (0.0, 0.0) if trial.difference == 0 else (RTOL, ATOL)
    value = replace(value, type=kind, compiled=Compiled(candidate.form, *tolerance), needs=frozenset(candidate.needs))
    return Outcome(name, kind, candidate.form, trial=trial), value


def _compile(captured: Capture, name: str, model: Any) -> tuple[Candidate, Trial, StateValue]:
    use = find_use(name, captured.code.pieces)
    if use.other is not None:
        raise NotCompiled(use.other)
    if not use.methods:
        raise NotCompiled("no function asks it")
    asked = captured.asked.get(name, ())
    if is_torch_module(model):
        from jupyter_deploy.compile import modules

        candidate = modules.find_candidate(model, asked)
    else:
        candidate = find_candidate(model)
    for module in candidate.needs:
        if importlib.util.find_spec(module) is None:
            raise NotCompiled(f"that takes {module}, which is not installed: pip install '{EXTRA}'")
    methods = sorted(use.methods)
    if candidate.before:
        trial = try_partial(model, candidate, methods, asked)
        return candidate, trial, write_partial(candidate, captured.code.name_of)
    files = write_description(candidate.description)
    compiled = build_model(parse_description(files))
    value = StateValue("compiled", "", files)
    if is_torch_module(model):
        return candidate, modules.try_module(model, compiled, methods, asked), value
    rows = make_rows(model, asked, candidate.thresholds, missing=candidate.takes_missing)
    return candidate, try_out(model, compiled, methods, rows, asked), value
