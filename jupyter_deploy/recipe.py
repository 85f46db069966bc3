"""The recipe: from a live kernel to a proven live endpoint, each stage a function of the one before."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jupyter_deploy.bundle import Bundle, write_bundle
from jupyter_deploy.capture.capture import Capture, CaptureOptions, capture
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.environment.carved import carve
from jupyter_deploy.errors import DeployError, ProofError, RequirementError, ServiceError
from jupyter_deploy.hardware import Usage, describe_hardware, measure_usage
from jupyter_deploy.proof import Proof, prove, table
from jupyter_deploy.registry import data_dir
from jupyter_deploy.requirements import Requirements, add_module, resolve
from jupyter_deploy.targets.target import (
    Candidate,
    Deployment,
    Plan,
    Target,
    build_options,
    check_name,
    find_target,
)

Report = Callable[[str, str, float], None]
"""Called after each stage with its name, what came of it, and the seconds it took."""

_MISSING = re.compile(r"No module named '([\w.]+)'")
ROUNDS = 6
"""Times the clean environment may ask for one more package before the deployment is given up."""


@dataclass(frozen=True)
class DeployOptions:
    """What the author asked for, in the magic or on the command line."""

    capture: CaptureOptions = field(default_factory=CaptureOptions)
    target: str = "local"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Options of the target, such as `workers` and `port`."""
    api_key: str | None = None


@dataclass(frozen=True)
class Packaged:
    """What was read out of the kernel, and the bundle made of it."""

    capture: Capture
    requirements: Requirements
    bundle: Bundle


@dataclass(frozen=True)
class Rehearsal:
    """A packaged service that runs and has been asked its golden calls, unseen by callers."""

    packaged: Packaged
    proof: Proof
    plan: Plan
    candidate: Candidate
    target: Target
    usage: Usage | None = None
    """What a worker used while it was proven; None where that cannot be measured."""

    def discard(self) -> None:
        """Take the candidate away; what runs is left untouched."""
        self.target.discard(self.candidate)


@dataclass(frozen=True)
class Release:
    """A proven version that is live."""

    packaged: Packaged
    proof: Proof
    deployment: Deployment
    seconds: float
    """From the start of the recipe to live."""
    usage: Usage | None = None
    """What a worker used while it was proven; None where that cannot be measured."""


def package(kernel: Kernel, options: CaptureOptions, report: Report, recorder: Recorder | None = None) -> Packaged:
    """Capture a service and write its bundle (raises `DeployError`)."""
    with _stage(report, "capture") as said:
        captured = capture(kernel, options, recorder, cache=data_dir() / "cache")
        said.append(
            ", ".join(
                [
                    count(len(captured.code.pieces), "definition"),
                    count(len(captured.code.state), "value"),
                    count(len(captured.golden), "golden call"),
                ]
            )
        )
    with _stage(report, "requirements") as said:
        requirements = resolve(captured.imports, cache=data_dir() / "cache")
        said.append(count(len(requirements.distributions), "package"))
    with _stage(report, "bundle") as said:
        bundle = write_bundle(captured, requirements, data_dir() / "bundles")
        said.append(f"version {bundle.version}, {format_size(bundle.size)}")
        if bundle.manifest.hardware is not None:
            said.append(f", {describe_hardware(bundle.manifest.hardware)[0].partition(',')[0]}")
    return Packaged(captured, requirements, bundle)


def deploy(kernel: Kernel, options: DeployOptions, report: Report, recorder: Recorder | None = None) -> Release:
    """Capture, package, prove and go live.

    Raises
    ------
    ProofError
        When the packaged service answers differently; what runs is left untouched, the bundle stays for inspection.
    DeployError
        When any other stage falls short.

    """
    started = time.perf_counter()
    rehearsal = rehearse(kernel, options, report, recorder)
    try:
        with _stage(report, "live") as said:
            usage = rehearsal.usage
            record = rehearsal.proof.dump() | ({"usage": usage.dump()} if usage else {})
            deployment = rehearsal.target.apply(rehearsal.plan, rehearsal.candidate, record)
            said.append(deployment.url)
    except BaseException:
        rehearsal.discard()
        raise
    return Release(rehearsal.packaged, rehearsal.proof, deployment, time.perf_counter() - started, rehearsal.usage)


def rehearse(kernel: Kernel, options: DeployOptions, report: Report, recorder: Recorder | None = None) -> Rehearsal:
    """Do all that `deploy` does, but going live: capture, package, start in a clean environment and prove.

    The caller discards the candidate, or applies it; the target takes it away when this process ends.

    Raises
    ------
    ProofError
        When the packaged service answers differently; the bundle stays for inspection.
    DeployError
        When any other stage falls short.

    """
    target = find_target(options.target)
    build_options(target, options.settings)  # wrong use shows before anything is done
    if options.capture.name is not None:
        check_name(options.capture.name)
    target.prepare()
    packaged = package(kernel, options.capture, report, recorder)
    check_name(packaged.capture.name)
    for _ in range(ROUNDS):
        try:
            return _rehearse(target, packaged, options, report)
        except _ModuleMissing as missing:
            packaged = _add_module(packaged, missing, report)
    raise RequirementError(
        f"the clean environment asked for more packages {ROUNDS} times in a row",
        advice="import them in a cell of the notebook, so that they are found at once",
    )


class _ModuleMissing(Exception):
    """The clean environment lacks a module; `error` is what to raise when it cannot be added."""

    def __init__(self, module: str, reason: str, error: DeployError) -> None:
        super().__init__(module)
        self.module = module
        self.reason = reason
        self.error = error


def _rehearse(target: Target, packaged: Packaged, options: DeployOptions, report: Report) -> Rehearsal:
    """Start the service in its clean environment and prove it there."""
    plan = make_plan(target, packaged, options)
    candidate = _start(target, plan, report)
    try:
        with measure_usage(candidate.pids, len(packaged.bundle.manifest.golden)) as measured:
            proof = _prove(target, candidate, packaged, options, report)
    except BaseException:
        target.discard(candidate)
        raise
    return Rehearsal(packaged, proof, plan, candidate, target, measured.usage)


def _start(target: Target, plan: Plan, report: Report) -> Candidate:
    with _stage(report, "start") as said:
        try:
            candidate = target.stage(plan)
        except ServiceError as error:
            error.stage = "start"
            if missing := _MISSING.search(error.message):
                raise _ModuleMissing(missing.group(1), str(error.where or "imported at start"), error) from error
            raise
        said.append("ready in a clean environment")
    return candidate


def _prove(target: Target, candidate: Candidate, packaged: Packaged, options: DeployOptions, report: Report) -> Proof:
    bundle = packaged.bundle
    with _stage(report, "prove") as said:
        proof = prove(bundle.folder, bundle.manifest, candidate.url, api_key=options.api_key)
        said.append(f"{proof.equal} of {proof.calls} golden calls equal")
    if not proof.holds:
        again = prove(bundle.folder, bundle.manifest, candidate.url, api_key=options.api_key)
        unsteady = not proof.error_ids and again.differences != proof.differences
        raise _not_equal(proof, packaged, target.logs(candidate.name, lines=200), unsteady=unsteady)
    return proof


def _add_module(packaged: Packaged, missing: _ModuleMissing, report: Report) -> Packaged:
    """Add what the kernel's environment has and the clean one lacks (raises the error of `missing` if it has none)."""
    before = {one.name for one in packaged.requirements.distributions}
    try:
        requirements = add_module(packaged.requirements, missing.module, missing.reason, cache=data_dir() / "cache")
    except RequirementError:
        raise missing.error from None
    added = [one.name for one in requirements.distributions if one.name not in before]
    if not added:
        raise missing.error
    report("added", f"{', '.join(added)}: {missing.module} is asked for ({missing.reason})", 0.0)
    bundle = write_bundle(packaged.capture, requirements, data_dir() / "bundles")
    return Packaged(packaged.capture, requirements, bundle)


def make_plan(target: Target, packaged: Packaged, options: DeployOptions) -> Plan:
    """Carve the environment and plan the deployment."""
    environment = carve(packaged.requirements, data_dir() / "environments", cache=data_dir() / "cache")
    settings = {**options.settings}
    if packaged.capture.secrets:
        settings["env"] = dict(packaged.capture.secrets)
    if options.api_key is not None:
        settings["api_key"] = options.api_key
    notebook = packaged.capture.notebook
    return target.plan(
        packaged.bundle.folder,
        name=packaged.capture.name,
        environment=environment,
        options=build_options(target, settings),
        notebook=str(notebook) if notebook else None,
    )


def _not_equal(proof: Proof, packaged: Packaged, log: Iterable[dict[str, Any]], *, unsteady: bool) -> Exception:
    """Say where service and notebook differ, with the tracebacks of calls that failed in the service."""
    failures = [record for record in log if record.get("error_id") in proof.error_ids]
    figures = f"{proof.equal} of {proof.calls} golden calls equal"
    parts = [
        f"the packaged service does not answer what the notebook answered: {figures}, so nothing was deployed",
        table(proof.differences),
    ]
    for one in failures[:3]:
        place = one.get("cell") or one.get("where")
        parts.append(f"{one.get('entry')} failed ({place}):\n{one.get('traceback', '').strip()}")
    if unsteady:
        parts.append("the service itself answers the same call differently from one time to the next")
    parts += [f"this may be why: {finding}" for finding in packaged.capture.findings]
    likely = "random numbers, the clock and changing globals cannot be proven: pass them as arguments. "
    error = ProofError(
        "\n\n".join(parts),
        where=str(packaged.bundle.folder),
        advice=f"{'' if failures else likely}The bundle is kept for inspection; what was live before still is",
        differences=proof.differences,
        unsteady=unsteady,
        failures=failures,
    )
    error.stage = "prove"
    for one in failures:
        if missing := _MISSING.search(str(one.get("traceback", ""))):
            return _ModuleMissing(missing.group(1), "imported by a golden call", error)
    return error


@contextmanager
def _stage(report: Report, name: str) -> Iterator[list[str]]:
    started = time.perf_counter()
    said: list[str] = []
    try:
        yield said
    except DeployError as error:
        error.stage = error.stage or name
        raise
    report(name, "".join(said), time.perf_counter() - started)


def count(number: int, noun: str) -> str:
    """Write `1 value`, `2 values`."""
    return f"{number} {noun}" + "s" * (number != 1)


def format_size(bytes_: int) -> str:
    """Write a number of bytes for people: `512 B`, `3.4 kB`."""
    size = float(bytes_)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
