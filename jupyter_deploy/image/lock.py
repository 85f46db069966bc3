"""The lock of an image: every wheel by its hash, so that what is installed is what was resolved."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_deploy.image.wheels import Wheel


def write_hashed_lock(wheels: Sequence[Wheel], python: str) -> str:
    """Write `requirements.lock` with hashes, in the form that pip and uv read as well."""
    head = (f"# What the service runs on, for Python {python}; with the files in wheels/:\n"
            "#   pip install --no-index --find-links wheels --require-hashes -r requirements.lock\n")
    return head + "".join(_entry(wheel) for wheel in sorted(wheels, key=lambda one: one.pin.name.lower()))


def _entry(wheel: Wheel) -> str:
    reason = f"  # {wheel.pin.reason}" if wheel.pin.reason else ""
    return f"{wheel.pin.name}=={wheel.pin.version} \\\n    --hash=sha256:{wheel.sha256}{reason}\n"
