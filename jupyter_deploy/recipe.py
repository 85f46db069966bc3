"""The recipe: from a live kernel to a proven live endpoint, each stage a function of the one before."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from jupyter_deploy.bundle import write_bundle
from jupyter_deploy.capture.capture import CaptureOptions, name_after
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.disproof import explain_disproof
from jupyter_deploy.environment.carved import carve
from jupyter_deploy.errors import DeployError, ProofError, RequirementError, ServiceError
from jupyter_deploy.hardware import Usage, measure_usage
from jupyter_deploy.packaged import Packaged, package, put_back_models, stage
from jupyter_deploy.proof import Proof, prove
from jupyter_deploy.registry import data_dir
from jupyter_deploy.requirements import add_module
from jupyter_deploy.runtime.conduct import brief_conduct
from jupyter_deploy.targets.rollout import describe_lacks
from jupyter_deploy.targets.target import (
    Candidate,
    Deployment,
    Plan,
    Report,
    Target,
    build_options,
    check_name,
    find_target,
)

MISSING = re.compile(r"No module named '([\w.]+)'")
"""What a service says that lacks a module."""
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
class StagedRelease:
    """A packaged service that runs and is proven, unseen by callers."""

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

    def as_release(self, seconds: float = 0.0) -> Release:
        """Give it as if it were live."""
        deployment = Deployment(self.plan.name, self.plan.target, self.plan.version, self.candidate.url, 0.0)
        return Release(self.packaged, self.proof, deployment, seconds, self.usage, self.candidate.conduct)


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
    conduct: Mapping[str, Any] = field(default_factory=dict)
    """What a worker found out about the entries, as `runtime.conduct.dump_conduct` gives it."""


def deploy(kernel: Kernel, options: DeployOptions, report: Report, recorder: Recorder | None = None,
           metrics: Mapping[str, Any] | None = None) -> Release:
    """Capture, package, prove and go live; `metrics`, which the notebook recorded, are kept with the version.

    Raises
    ------
    ProofError
        When the packaged service answers differently; what runs is left untouched, the bundle stays for inspection.
    DeployError
        When any other stage falls short.

    """
    started = time.perf_counter()
    staged = stage_release(kernel, options, report, recorder, to_go_live=True)
    return go_live(staged, metrics or {}, report, started)


def go_live(staged: StagedRelease, metrics: Mapping[str, Any], report: Report, started: float) -> Release:
    """Make a staged release live; should that fail, it is taken away (raises `DeployError`)."""
    try:
        with stage(report, "live") as said:
            usage = staged.usage
            models = [one.dump() for one in staged.packaged.models]
            kept = {"usage": usage and usage.dump(), "models": models, "metrics": dict(metrics),
                    "conduct": dict(staged.candidate.conduct)}
            record = staged.proof.dump() | {key: value for key, value in kept.items() if value}
            with unhurried():
                deployment = staged.target.apply(staged.plan, staged.candidate, record)
            said.append(f"{deployment.beside}, at {deployment.url}" if deployment.beside else deployment.url)
    except BaseException:
        staged.discard()
        raise
    if deployment.lacks:
        report("warning", describe_lacks(deployment.lacks), 0.0)
    return Release(staged.packaged, staged.proof, deployment, time.perf_counter() - started, staged.usage,
                   staged.candidate.conduct)


@contextmanager
def unhurried() -> Iterator[None]:
    """Let a first Ctrl-C pass: between two versions there is no good place to stop. A second one does stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT) or signal.SIG_DFL
    signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, before))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stage_release(kernel: Kernel, options: DeployOptions, report: Report, recorder: Recorder | None = None, *,
                  to_go_live: bool = False) -> StagedRelease:
    """Do all that `deploy` does, but going live: capture, package, start in a clean environment and prove.

    The caller discards the candidate, or applies it; the target takes it away when this process ends.

    Parameters
    ----------
    to_go_live
        Whether it is to go live then: what the target would refuse at the end is refused at once.

    Raises
    ------
    ProofError
        When the packaged service answers differently; the bundle stays for inspection.
    DeployError
        When any other stage falls short.

    """
    target = find_target(options.target)
    chosen = build_options(target, _read_settings(options))  # wrong use shows before anything is done
    name = options.capture.name
    if name is None and kernel.document is not None:
        name = name_after(kernel.document.stem)
    if name is not None:
        check_name(name)
    target.prepare()
    if to_go_live and name is not None:
        target.check(name, chosen)
    packaged = package(kernel, options.capture, report, recorder)
    check_name(packaged.capture.name)
    if to_go_live:
        target.check(packaged.capture.name, chosen, packaged.bundle.manifest.version)
    for _ in range(ROUNDS):
        try:
            return _stage(target, packaged, options, report)
        except ModuleMissing as missing:
            packaged = add_missing(packaged, missing, report)
        except (ProofError, ServiceError) as error:
            if packaged.plain is None:
                raise
            packaged = put_back_models(packaged, error, report)
    raise RequirementError(
        f"the clean environment asked for more packages {ROUNDS} times in a row",
        advice="import them in a cell of the notebook, so that they are found at once",
    )


class ModuleMissing(Exception):
    """The clean environment lacks a module; `error` is what to raise when it cannot be added."""

    def __init__(self, module: str, reason: str, error: DeployError) -> None:
        super().__init__(module)
        self.module = module
        self.reason = reason
        self.error = error


def _stage(target: Target, packaged: Packaged, options: DeployOptions, report: Report) -> StagedRelease:
    """Start the service in its clean environment and prove it there."""
    plan = make_plan(target, packaged, options)
    candidate = _start(target, plan, report)
    try:
        with measure_usage(candidate.pids, len(packaged.bundle.manifest.golden)) as measured:
            proof = _prove(target, candidate, packaged, options, report)
    except BaseException:
        target.discard(candidate)
        raise
    return StagedRelease(packaged, proof, plan, candidate, target, measured.usage)


def _start(target: Target, plan: Plan, report: Report) -> Candidate:
    told: list[float] = []  # by the target, of what it did first, such as an image: the start does not count it again

    def pass_on(name: str, text: str, seconds: float) -> None:
        told.append(seconds)
        report(name, text, seconds)

    with stage(lambda name, text, seconds: report(name, text, seconds - sum(told)), "start") as said:
        try:
            candidate = target.stage(plan, pass_on)
        except (ServiceError, ProofError) as error:
            error.stage = "start"
            if missing := MISSING.search(error.message):
                raise ModuleMissing(missing.group(1), str(error.where or "imported at start"), error) from error
            raise
        said.append("ready in a clean environment")
    if candidate.conduct:
        report("calls", brief_conduct(candidate.conduct), 0.0)
    return candidate


def _prove(target: Target, candidate: Candidate, packaged: Packaged, options: DeployOptions, report: Report) -> Proof:
    bundle = packaged.bundle
    with stage(report, "prove") as said:
        proof = prove(bundle.folder, bundle.manifest, candidate.url, api_key=options.api_key)
        said.append(f"{proof.equal} of {proof.calls} golden calls equal")
    if not proof.holds:
        unsteady = False
        if not proof.timed_out:
            again = prove(bundle.folder, bundle.manifest, candidate.url, api_key=options.api_key)
            unsteady = not proof.error_ids and again.differences != proof.differences
        error = explain_disproof(proof, packaged, target.logs(candidate.name, lines=200), unsteady=unsteady)
        for failure in error.failures:
            if missing := MISSING.search(str(failure.get("traceback", ""))):
                raise ModuleMissing(missing.group(1), "imported by a golden call", error)
        raise error
    return proof


def add_missing(packaged: Packaged, missing: ModuleMissing, report: Report) -> Packaged:
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
    return replace(packaged, requirements=requirements, bundle=bundle)


def make_plan(target: Target, packaged: Packaged, options: DeployOptions) -> Plan:
    """Carve the environment and plan the deployment."""
    environment = carve(packaged.requirements, data_dir() / "environments", cache=data_dir() / "cache")
    settings = _read_settings(options)
    if packaged.capture.secrets:
        settings["env"] = dict(packaged.capture.secrets)
    notebook = packaged.capture.notebook
    return target.plan(packaged.bundle.folder, name=packaged.capture.name, environment=environment,
                       options=build_options(target, settings), notebook=str(notebook) if notebook else None)


def _read_settings(options: DeployOptions) -> dict[str, Any]:
    return {**options.settings, **({} if options.api_key is None else {"api_key": options.api_key})}
