"""How an endpoint is now, told as text: the version that is live, and what became of the one that a cell deployed."""

from __future__ import annotations

import time

from jupyter_deploy.recipe import Release
from jupyter_deploy.rollouts import describe_rollout
from jupyter_deploy.targets.target import Status

ANSWERS = ("live", "asleep", "starting")
"""States in which a call is answered, or will be."""


def describe_standing(status: Status, release: Release | None) -> list[tuple[str, str]]:
    """Give rows of a heading and a text; `release` is what the cell deployed, whether it is live or not."""
    rows = [("version", status.version), ("state", status.state)]
    if status.reason:
        rows.append(("reason", status.reason))
    if release is not None:
        rows += _describe_release(status, release)
    if status.rollout is not None:
        rows += describe_rollout(status.name, status.version, status.rollout)
    return rows


def _describe_release(status: Status, release: Release) -> list[tuple[str, str]]:
    version, proof = release.deployment.version, release.proof
    tried = status.rollout is not None and status.rollout["version"] == version
    if version != status.version and not tried:
        return [("deployed", describe_fate(status, version))]
    proven = (f"{proof.equal} of {proof.calls} golden calls answered as in the notebook" if proof.calls
              else "unproven: no golden call")
    rows = [("proof", f"{version}: {proven}" if tried else proven)]
    return rows if release.deployment.beside else [*rows, ("live in", f"{release.seconds:.2f} s")]


def describe_fate(status: Status, version: str) -> str:
    """Say what became of a version that is neither live nor tried."""
    told = [event for event in status.events if event["text"].startswith(f"version {version} ")]
    if told and told[-1]["kind"] == "aborted":
        text = told[-1]["text"].removeprefix("version ")
        return str(text.replace(" is taken away: ", f" was taken away at {_moment(told[-1]['time'])}: "))
    since = next((event["time"] for event in reversed(status.events)
                  if event["text"].startswith(f"version {status.version} is live")), None)
    when = "now" if since is None else f"since {_moment(since)}"
    return f"{version} is not live any more: {when} {status.version} is the live version"


def _moment(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
