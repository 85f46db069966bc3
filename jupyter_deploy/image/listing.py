"""An image as text for people, and as JSON for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_deploy.image.build import Image, Report

_WIDTH = 110
_SHORT = 60


def describe_step(step: str) -> str | None:
    """Say in a few words what a step of the engine does that may take long; None for all others."""
    if not step.startswith("RUN "):
        return None
    words = {'"environment"]': "unpacking and compiling the packages", '"copy"': "compiling the runtime"}
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


def dump_image(image: Image) -> dict[str, Any]:
    """Give an image as JSON."""
    return {**dataclasses.asdict(image), "sbom": str(image.sbom), "proof": image.proof.dump()}


def format_image(image: Mapping[str, Any]) -> str:
    """Say what was built, how large each layer is, and how to run it; `image` is one as JSON."""
    layers = [(one["name"], one["size"]) for one in image["layers"]]
    rest = image["size"] - sum(size for _, size in layers)
    reference, proof = image["reference"], image["proof"]
    lines = [f"{reference} is proven: {proof['equal']} of {proof['calls']} golden calls answered as in the notebook"]
    sizes = [("base", rest), *layers, ("total", image["size"])]
    lines += [f"  {name:<14} {size / 1e6:9.2f} MB" for name, size in sizes]
    lines += [f"bill of materials: {image['sbom']}",
              f"try it: docker run --rm --read-only --tmpfs /tmp -p 8080:8080 {reference}"]
    return "\n".join(lines)
