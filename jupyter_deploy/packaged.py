"""Packaging: from a live kernel to a bundle, with its models compiled where that is proven."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jupyter_deploy.bundle import Bundle, write_bundle
from jupyter_deploy.capture.capture import Capture, CaptureOptions, capture
from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.compile import Outcome, brief_outcomes, compile_models, list_models
from jupyter_deploy.errors import DeployError
from jupyter_deploy.hardware import describe_hardware
from jupyter_deploy.registry import data_dir
from jupyter_deploy.requirements import Requirements, resolve
from jupyter_deploy.targets.target import Report


@dataclass(frozen=True)
class Packaged:
    """What was read out of the kernel, and the bundle made of it."""

    capture: Capture
    requirements: Requirements
    bundle: Bundle
    models: tuple[Outcome, ...] = ()
    """What became of each model that could have been compiled."""
    left_out: tuple[str, ...] = ()
    """Packages that compiled models do without."""
    plain: Capture | None = None
    """The capture with its models as they are; None if none is compiled."""


def package(kernel: Kernel, options: CaptureOptions, report: Report, recorder: Recorder | None = None) -> Packaged:
    """Capture a service and write its bundle (raises `DeployError`)."""
    with stage(report, "capture") as said:
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
    compiled: Capture = captured
    outcomes: tuple[Outcome, ...] = ()
    if not options.exact and list_models(captured):
        with stage(report, "compile") as said:
            compiled, outcomes = compile_models(captured)
            said.append(brief_outcomes(outcomes))
    return _write(captured, compiled, outcomes, report)


def _write(captured: Capture, compiled: Capture, outcomes: tuple[Outcome, ...], report: Report) -> Packaged:
    """Find out what the service needs and write its bundle; `captured` is the one with the models as they are."""
    left_out: tuple[str, ...] = ()
    with stage(report, "requirements") as said:
        requirements = resolve(compiled.imports, cache=data_dir() / "cache")
        said.append(count(len(requirements.distributions), "package"))
        if compiled is not captured:
            before = resolve(captured.imports, cache=data_dir() / "cache")
            left_out = tuple(sorted({one.name for one in before.distributions}
                                    - {one.name for one in requirements.distributions}))
            said += [f", {len(left_out)} left out"] if left_out else []
    with stage(report, "bundle") as said:
        bundle = write_bundle(compiled, requirements, data_dir() / "bundles")
        said.append(f"version {bundle.version}, {format_size(bundle.size)}")
        if bundle.manifest.hardware is not None:
            said.append(f", {describe_hardware(bundle.manifest.hardware)[0].partition(',')[0]}")
    plain = None if compiled is captured else captured
    return Packaged(compiled, requirements, bundle, outcomes, left_out, plain)


def put_back_models(packaged: Packaged, error: DeployError, report: Report) -> Packaged:
    """Package the models as they are: the service with their compiled forms falls short, whatever the reason."""
    plain = packaged.plain or packaged.capture
    reason = f"the service with it failed: {error.message.partition(chr(10))[0]}"
    outcomes = tuple(Outcome(one.name, one.type, None, reason) if one.trial else one for one in packaged.models)
    report("compile", brief_outcomes(outcomes), 0.0)
    return _write(plain, plain, outcomes, report)


@contextmanager
def stage(report: Report, name: str) -> Iterator[list[str]]:
    """Report a stage when it is done, with what is put into the list meanwhile."""
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
