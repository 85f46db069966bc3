"""Endpoints and log records as text tables, for the magic and the command."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_deploy.rollouts import describe_rollout, format_differences
from jupyter_deploy.targets.rollout import write_share
from jupyter_deploy.targets.target import Status, Version


def format_statuses(statuses: Iterable[Status]) -> str:
    """Lay out deployments, one a line, and say below why any of them does not answer."""
    found = sorted(statuses, key=lambda status: status.name)
    rows = [("NAME", "STATE", "VERSION", "WORKERS", "URL", "TARGET"),
            *((one.name, _describe_state(one), one.version, f"{one.workers}/{one.wanted_workers}", one.url, one.target)
              for one in found)]
    if len(rows) == 1:
        return "no endpoints yet; deploy one with %deploy in a notebook or with nbdeploy up"
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    names: dict[str, list[str]] = {}  # by the reason: where an engine is away, all of its endpoints have the same
    for one in found:
        if one.reason:
            names.setdefault(one.reason, []).append(one.name)
    return "\n".join([*(line.rstrip() for line in lines),
                      *(f"{', '.join(those)}: {reason}" for reason, those in names.items())])


def _describe_state(status: Status) -> str:
    """Say how it is, and that a version is tried: `live, canary 10%`."""
    if status.rollout is None:
        return status.state
    mode, share = status.rollout["mode"], status.rollout["share"]
    return f"{status.state}, {mode}" + (f" {write_share(share)}" if mode == "canary" else "")


def format_status(status: Status) -> str:
    """Lay out one deployment with its versions and its last events."""
    lines = [format_statuses([status]),
             *(f"warning: {warning}" for warning in status.warnings), "", "versions:"]
    for version in status.versions:
        mark = "*" if version.version == status.version else " "
        proof = version.proof or {}
        proven = f"{proof.get('equal', 0)} of {proof.get('calls', 0)} golden calls equal" if proof else "no proof kept"
        lines.append(f" {mark} {version.number:>3}  {version.version}  {_moment(version.deployed_at)}  {proven}"
                     f"{_format_metrics(proof.get('metrics', {}))}")
    if status.rollout is not None:
        lines += ["", "beside each other:", *(f"   {key:<9}{text}" for key, text in
                                              describe_rollout(status.name, status.version, status.rollout))]
    if differences := format_differences(status.name):
        lines += ["", "the first answers that differ:", *(f"   {line}" for line in differences)]
    live = next((version for version in status.versions if version.version == status.version), None)
    if live is not None:
        lines += ["", "hardware:", *(f"   {line}" for line in _describe_needs(live))]
        lines += _describe_conduct((live.proof or {}).get("conduct", {}))
    if starts := status.details.get("starts"):
        lines += ["", "workers:", f"   {status.details['scale']}; {starts}"]
    lines += ["", "events:", *(f"   {_moment(event['time'])}  {event['kind']:<12} {event['text']}"
                               for event in status.events[-10:])]
    return "\n".join(lines)


def _format_metrics(metrics: dict[str, Any]) -> str:
    """Write what the notebook recorded for a version, plain values only: `  auc 0.87, rows 1200`."""
    told = [f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in metrics.items() if isinstance(value, (int, float, str))]
    return f"  {', '.join(told)}" if told else ""


def _describe_needs(version: Version) -> list[str]:
    """Say what a version wants of a machine, and what it was seen to use; nothing of a bundle that is gone."""
    # Imported here: a list of endpoints needs none of it.
    from jupyter_deploy.hardware import describe_hardware, describe_usage
    from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest

    lines = []
    with suppress(BundleDamaged):
        lines += describe_hardware(read_manifest(Path(version.bundle)).hardware)
    usage = (version.proof or {}).get("usage")
    return lines + (describe_usage(usage) if usage else [])


def _describe_conduct(conduct: dict[str, Any]) -> list[str]:
    """Say what was found out about a version's entries, on this machine."""
    from jupyter_deploy.runtime.conduct import describe_conduct  # as above

    return ["", "entries:", *(f"   {line}" for line in describe_conduct(conduct))] if conduct else []


def format_logs(records: Iterable[dict[str, Any]]) -> str:
    """Lay out log records, one a line, with the traceback of a failed call under its line."""
    return "\n".join(format_record(record) for record in records)


def format_record(record: dict[str, Any]) -> str:
    """Lay out one log record."""
    place = record.get("cell") or record.get("where")
    entry = f"{record['entry']}: " if "entry" in record else ""
    text = f"{record.get('time', '')} {record.get('level', '')!s:<7} {entry}{str(record.get('message', '')).rstrip()}"
    text += f" ({place})" if place else ""
    text += f" [{record['error_id']}]" if "error_id" in record else ""
    if "traceback" in record:
        text += "\n" + "\n".join(f"    {line}" for line in str(record["traceback"]).rstrip().splitlines())
    return text


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
