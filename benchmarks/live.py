"""Time to live: `%deploy` in a real kernel, stage by stage, beside the import of the model's own packages."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.cells import CHURN, CHURN_IMPORTS, CHURN_PREDICT
from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.tables import seconds, table

ROUNDS = {"quick": 2, "full": 5}
STAGES = ("capture", "requirements", "bundle", "start", "prove", "live", "other")
Figures = dict[str, dict[str, list[float]]]
"""Situation → stage → seconds of each round."""
REFERENCE = f"import time\nbegun = time.perf_counter()\n{CHURN_IMPORTS}\nprint(time.perf_counter() - begun)"
SITUATIONS = {
    "ever": "the first on this machine: no cache, no supervisor",
    "first": "the first in a fresh kernel, no supervisor running",
    "edited": "again after an edit of the function",
    "unchanged": "again, nothing changed",
}


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Deploy in all situations, round by round; gives seconds."""
    _measure_round(_begin(), Quiet())  # for nothing but the bytecode of everything
    figures = _begin()
    for _ in range(ROUNDS["quick" if quick else "full"]):
        _measure_round(figures, quiet)
    return {name: {stage: summarise(values) for stage, values in stages.items()} for name, stages in figures.items()}


def _begin() -> Figures:
    return defaultdict(lambda: defaultdict(list))


def _measure_round(figures: Figures, quiet: Quiet) -> None:
    with workspace() as place:
        _deploy_first(place, "ever", figures, quiet)
        place.run("-m", "jupyter_deploy", "rm", "churn")  # else the next supervisor would bring it back, too
        place.stop_supervisor()
        _deploy_first(place, "first", figures, quiet)


def _deploy_first(place: Workspace, name: str, figures: Figures, quiet: Quiet) -> None:
    with Kernel(place) as kernel:
        place.save(CHURN)
        kernel.run("%load_ext jupyter_deploy", *CHURN)
        quiet.probe()
        _keep(figures, name, kernel.deploy("predict --name churn"))
        _import_alone(place, figures[name])
        if name == "first":
            kernel.run(CHURN_PREDICT.replace("round(3)", f"round({4 + len(figures['edited']['total'])})"),
                       "predict(customers.head())")
            _keep(figures, "edited", kernel.deploy("predict --name churn"))
            _import_alone(place, figures["edited"])
            _keep(figures, "unchanged", kernel.deploy("predict --name churn"))
            _import_alone(place, figures["unchanged"])


def _import_alone(place: Workspace, stages: dict[str, list[float]]) -> None:
    """Time the reference right after a deployment: what others do to the machine then hits both alike."""
    stages["reference"].append(float(place.run("-c", REFERENCE)))
    stages["beyond"].append(stages["total"][-1] - stages["reference"][-1])


def _keep(figures: Figures, name: str, done: dict[str, Any]) -> None:
    stages = {stage["name"]: stage["seconds"] for stage in done["stages"]}
    stages["other"] = done["cell"] - sum(stages.values())
    for stage, value in {**stages, "total": done["cell"]}.items():
        figures[name][stage].append(value)


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = [[text, *(seconds(figures[name][stage]["median"]) for stage in STAGES),
             f"**{seconds(figures[name]['total']['median'])}**", seconds(figures[name]["reference"]["median"]),
             f"**{seconds(figures[name]['beyond']['median'])}**"]
            for name, text in SITUATIONS.items()]
    return table(["%deploy, seconds", *STAGES, "total", "import alone", "beyond it"], rows)
