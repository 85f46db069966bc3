"""An image as text for people."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_deploy.image.build import Image, Report

_WIDTH = 110
_SHORT = 60


def format_stage(name: str, text: str, seconds: float) -> str:
    """Lay out a finished stage as one line."""
    return f"  {name:<14} {text:<60} {seconds:6.2f} s"


def describe_step(step: str) -> str | None:
    """Say in a few words what a step of the engine does that may take long; None for all others."""
    if not step.startswith("RUN "):
        return None
    words = {'"environment"]': "unpacking and compiling the packages", '"copy"': "compiling the service"}
    text = next((text for word, text in words.items() if word in step), None)
    return text or ("installing system libraries" if "apt-get" in step else step[4:_SHORT])


def report_steps(report: Report) -> Callable[[str], None]:
    """Give what tells `report` of each step of the engine that may take long, as it begins."""
    def say(step: str) -> None:
        if text := describe_step(step):
            report("build", f"{text} …", 0.0)

    return say


def format_step(step: str) -> str:
    """Lay out a step of the engine, cut to one line."""
    return f"    {step if len(step) <= _WIDTH else step[: _WIDTH - 1] + '…'}"


def format_image(image: Image) -> str:
    """Say what was built, how large each layer is, and how to run it."""
    own = sum(layer.size for layer in image.layers)
    proof = image.proof
    lines = [f"{image.reference} is proven: {proof.equal} of {proof.calls} golden calls answered as in the notebook"]
    lines += [f"  {name:<14} {size / 1e6:9.2f} MB"
              for name, size in [("base", image.size - own), *((one.name, one.size) for one in image.layers)]]
    lines += [f"  {'total':<14} {image.size / 1e6:9.2f} MB", f"bill of materials: {image.sbom}",
              f"try it: docker run --rm --read-only -p 8080:8080 {image.reference}"]
    return "\n".join(lines)
