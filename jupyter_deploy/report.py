"""What was captured and why, as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jupyter_deploy.capture.capture import Capture
from jupyter_deploy.capture.slice import Piece
from jupyter_deploy.hardware import describe_hardware, detect_hardware
from jupyter_deploy.packaged import Packaged, format_size
from jupyter_deploy.recipe import Release
from jupyter_deploy.requirements import Requirements
from jupyter_deploy.targets.target import Plan


@dataclass(frozen=True)
class Stage:
    """A stage of the recipe that is done, or one that begins and may take long."""

    name: str
    text: str
    """What came of it; it ends with `…` if that is still to come."""
    seconds: float

    def __str__(self) -> str:
        if self.text.endswith("…"):
            return f"{self.name:<13}{self.text}"
        return f"{self.name:<13}{self.text:<38} {self.seconds:5.2f} s"


def describe_packaged(packaged: Packaged) -> str:
    """Say what is in the bundle, why, and how large."""
    captured = packaged.capture
    return "\n".join([
        *_section("entries", [f"POST /{entry.name}({', '.join(one.name for one in entry.parameters)})"
                              for entry in captured.entries]),
        *_section("code", [f"{piece.name:<24} {piece.kind:<9} {piece.reason}   {piece.cell or ''}".rstrip()
                           for piece in _code(captured)]),
        *_section("state", [f"{one['name']:<24} {format_size(one['size']):>9}  {one['format']:<7} {one['type']}"
                            f"   {one['reason']}" for one in _state(captured)]),
        *_section("files", [f"{one['path']:<24} {format_size(one['size']):>9}" for one in _files(captured)]),
        *_section("packages", describe_requirements(packaged.requirements)),
        *_section("models", describe_models(packaged)),
        *_section("hardware", describe_hardware(packaged.bundle.manifest.hardware)),
        *_section("golden calls", [f"{entry:<24} {golden.source}" for entry, golden in captured.golden]),
        *_section("warnings", list_warnings(packaged)),
    ])


def _code(captured: Capture) -> list[Piece]:
    return [piece for piece in captured.code.pieces if piece.reason and piece.kind != "state"]


def _state(captured: Capture) -> list[dict[str, Any]]:
    reasons = {piece.name: piece.reason for piece in captured.code.pieces}
    return [{"name": name, "type": value.type, "format": value.format, "size": value.size, "reason": reasons[name]}
            for name, value in sorted(captured.code.state.items())]


def _files(captured: Capture) -> list[dict[str, Any]]:
    return [{"path": path, "size": len(data)}
            for path, data in [*captured.local.files.items(), *captured.code.data.items()]]


def describe_requirements(requirements: Requirements) -> list[str]:
    """Give a line for each distribution, with the reason why it is there."""
    return [f"{one.name + '==' + one.version:<32} {one.reason}" for one in requirements.distributions]


def describe_models(packaged: Packaged) -> list[str]:
    """Give a line for each model that could have been compiled, and one for the packages that it does without."""
    lines = [str(one) for one in packaged.models]
    return [*lines, *([f"left out: {', '.join(packaged.left_out)}"] if packaged.left_out else [])]


def list_warnings(packaged: Packaged) -> list[str]:
    """Give what the author should know: about the code and about the packages."""
    warnings: list[str] = list_contents(packaged.capture, packaged.requirements)["warnings"]
    return warnings


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def describe_plan(packaged: Packaged, plan: Plan) -> str:
    """Say what `--dry-run` would have done."""
    steps = _section(f"deploying {plan.name} to {plan.target} would", list(plan.lines))
    return "\n".join([describe_packaged(packaged), *steps, "", packaged.capture.text])


def summarise(release: Release, stages: Sequence[Stage], *, live: bool = True) -> dict[str, Any]:
    """Give what `--json` prints; what is not live has no URL."""
    deployment, packaged = release.deployment, release.packaged
    return {
        "name": deployment.name,
        "version": deployment.version,
        "live": live and deployment.beside is None,
        "url": deployment.url if live else None,
        "target": deployment.target,
        "beside": deployment.beside,
        "proof": release.proof.dump(),
        "seconds": round(release.seconds, 3),
        "stages": [asdict(stage) for stage in stages],
        "usage": None if release.usage is None else release.usage.dump(),
        "conduct": dict(release.conduct),
        "bundle": str(packaged.bundle.folder),
        "models": [one.dump() for one in packaged.models],
        "left_out": list(packaged.left_out),
        **list_contents(packaged.capture, packaged.requirements),
    }


def list_contents(captured: Capture, requirements: Requirements) -> dict[str, Any]:
    """Give what is captured, and why, as JSON."""
    return {
        "entries": [entry.name for entry in captured.entries],
        "golden": [{"entry": entry, "source": golden.source} for entry, golden in captured.golden],
        "code": [{"name": piece.name, "kind": piece.kind, "reason": piece.reason, "cell": piece.cell}
                 for piece in _code(captured)],
        "state": _state(captured),
        "files": _files(captured),
        "packages": [{"name": one.name, "version": one.version, "reason": one.reason}
                     for one in requirements.distributions],
        "hardware": _hardware(captured, requirements),
        "warnings": [*map(str, captured.findings), *requirements.warnings],
    }


def _hardware(captured: Capture, requirements: Requirements) -> dict[str, Any]:
    found = detect_hardware(captured, requirements)
    return {"lines": describe_hardware(found), **({} if found is None else asdict(found))}
