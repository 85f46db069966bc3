"""An image as text for people."""

from __future__ import annotations

from jupyter_deploy.image.build import Image

_WIDTH = 110


def format_stage(name: str, text: str, seconds: float) -> str:
    """Lay out a finished stage as one line."""
    return f"  {name:<14} {text:<60} {seconds:6.2f} s"


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
