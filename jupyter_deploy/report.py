"""What was captured and why, as text for people."""

from __future__ import annotations

from jupyter_deploy.capture.capture import Capture
from jupyter_deploy.recipe import Packaged, Release
from jupyter_deploy.requirements import Requirements
from jupyter_deploy.targets.target import Plan


def describe_packaged(packaged: Packaged) -> str:
    """Say what is in the bundle, why, and how large."""
    captured = packaged.capture
    return "\n".join([
        *_section("entries", [f"POST /{entry.name}({', '.join(one.name for one in entry.parameters)})"
                              for entry in captured.entries]),
        *_section("code", [f"{piece.name:<24} {piece.kind:<9} {piece.reason}" + (f"   {piece.cell}" if piece.cell else "")
                           for piece in captured.code.pieces if piece.reason and piece.kind != "state"]),
        *_section("state", _state_lines(captured)),
        *_section("files", [f"{path:<24} {len(data)} bytes" for path, data in
                            [*captured.local.files.items(), *captured.code.data.items()]]),
        *_section("packages", describe_requirements(packaged.requirements)),
        *_section("golden calls", [f"{entry:<24} {golden.source}" for entry, golden in captured.golden]),
        *_section("warnings", [str(finding) for finding in captured.findings]),
    ])


def _state_lines(captured: Capture) -> list[str]:
    reasons = {piece.name: piece.reason for piece in captured.code.pieces}
    return [f"{name:<24} {value.size:>10} bytes  {value.format:<7} {value.type}   {reasons[name]}"
            for name, value in sorted(captured.code.state.items())]


def describe_requirements(requirements: Requirements) -> list[str]:
    """Give a line for each distribution, with the reason why it is there."""
    return [f"{one.name + '==' + one.version:<32} {one.reason}" for one in requirements.distributions]


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def describe_plan(packaged: Packaged, plan: Plan) -> str:
    """Say what `--dry-run` would have done."""
    steps = _section(f"deploying {plan.name} to {plan.target} would", list(plan.lines))
    return "\n".join([describe_packaged(packaged), *steps, "", packaged.capture.text])


def summarise(release: Release) -> dict[str, object]:
    """Give what `--json` prints."""
    deployment = release.deployment
    return {
        "name": deployment.name,
        "version": deployment.version,
        "url": deployment.url,
        "target": deployment.target,
        "proof": release.proof.dump(),
        "seconds": round(release.seconds, 3),
        "entries": [entry.name for entry in release.packaged.capture.entries],
        "warnings": [str(finding) for finding in release.packaged.capture.findings],
    }
