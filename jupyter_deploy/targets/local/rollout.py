"""A version that runs beside the live one: where requests are sent, what both answer, what is to become of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import Any

from jupyter_deploy.registry import RolloutRecord
from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest
from jupyter_deploy.runtime.metrics import Sample as Reading
from jupyter_deploy.runtime.metrics import Series, read_folder
from jupyter_deploy.targets.local.ledger import Ledger
from jupyter_deploy.targets.local.pool import Pool
from jupyter_deploy.targets.local.workers import Worker
from jupyter_deploy.targets.rollout import (
    Decision,
    Figures,
    VersionFigures,
    describe_lacks,
    describe_outcome,
    judge,
    parse_rules,
)

NOWHERE: dict[str, Any] = {"op": "route"}
"""Tells workers that they answer everything themselves."""
_ANSWER_SECONDS = 5.0
_REFUSED = ("400", "415", "422")
_INFINITY = float("inf")


class Rollout:
    """One version beside the live one, from when it was put there.

    Parameters
    ----------
    entries
        What it serves; the live version keeps requests for others.
    now
        When it begins, by `time.monotonic`.

    """

    def __init__(self, record: RolloutRecord, pool: Pool, ledger: Ledger, entries: tuple[str, ...], now: float) -> None:
        self.record = record
        self.pool = pool
        self.decided = False
        self._rules = parse_rules(record.rules)
        self._ledger = ledger
        self._entries = entries
        self._begun = self._now = now
        self._asked: set[Worker] = set()
        self._figures = Figures(0.0, VersionFigures(), VersionFigures())
        self._before = self._read()
        self._live = ""
        self.lacks: tuple[str, ...] = ()
        """Entries of the live version that this one does not have."""

    async def begin(self, live: Pool) -> None:
        """Send requests to it."""
        self.pool.serve_apart()
        self._ask_for_copies()
        if self._asked:
            await asyncio.wait([worker.shadowing for worker in self._asked], timeout=_ANSWER_SECONDS)
        self._live = live.spec.version
        with contextlib.suppress(BundleDamaged):
            self.lacks = tuple(entry.name for entry in read_manifest(live.spec.bundle).entries
                               if entry.name not in self._entries)
        live.tell_route(self._write_route())

    def check(self, live: Pool, now: float) -> Decision:
        """Do what is due once a second: tell the live workers what has changed, read the figures, decide."""
        self._now = now
        self._ask_for_copies()
        route = self._write_route()
        if route != live.route:
            live.tell_route(route)
        with contextlib.suppress(OSError):
            # A file can go while the folder is read: the next second has the figures.
            self._figures = self._count(self._read())
        return self.decision

    @property
    def decision(self) -> Decision:
        """What the last figures say; one that lacks entries of the live version is promoted by a person alone."""
        decision = judge(self._rules, self._figures, self.record.mode)
        if decision.action == "promote" and self.lacks:
            return Decision("wait", (f"a person who promotes it, as {describe_lacks(self.lacks)}",))
        return decision

    @property
    def outcome(self) -> str:
        """What both versions did, in a line."""
        return describe_outcome(self._figures, self.record.mode)

    def describe(self) -> dict[str, Any]:
        """Give all of it as JSON."""
        decision = self.decision
        return {
            "version": self.record.version, "mode": self.record.mode, "share": self.record.share,
            "begun": self.record.begun, "workers": len(self.pool.workers), "rules": dataclasses.asdict(self._rules),
            "lacks": list(self.lacks), "figures": self._figures.describe(), "waits_for": list(decision.reasons),
        }

    def _ask_for_copies(self) -> None:
        """Let the workers of a shadow listen for copies."""
        if self.record.mode == "canary":
            return
        for worker in self.pool.workers:
            if worker not in self._asked and worker.ready.done():
                self._asked.add(worker)
                table = self._ledger.table(f"{self.record.version}-{worker.pid}")
                worker.tell({"op": "shadow", "table": str(table), "tolerance": self._rules.tolerance})

    def _write_route(self) -> dict[str, Any]:
        serving = [worker for worker in self.pool.workers if worker.serving and not worker.draining]
        ports = [worker.ready.result() for worker in serving]
        if self.record.mode == "shadow":
            ports = [worker.shadowing.result() for worker in serving if worker.shadowing.done()]
        return {"op": "route", "mode": self.record.mode, "version": self.record.version, "ports": ports,
                "share": self.record.share, "entries": list(self._entries)}

    def end(self) -> None:
        """Let its workers be as any others."""
        for worker in self._asked:
            worker.tell({"op": "shadow"})

    def _read(self) -> dict[Series, tuple[float, ...]]:
        return {one.series: one.values for one in read_folder(self._ledger.metrics)}

    def _count(self, totals: dict[Series, tuple[float, ...]]) -> Figures:
        grown = []
        for series, values in totals.items():
            before = self._before.get(series, (0.0,) * len(values)) if series.kind != "gauge" else (0.0,) * len(values)
            grown.append(Reading(series, tuple(max(0.0, one - two) for one, two in zip(values, before, strict=True))))
        results = {dict(one.series.labels).get("result"): one for one in reversed(grown) if _is_about(
            one.series, self._live if dict(one.series.labels).get("result") in ("returned", "dropped")
            else self.record.version)}
        counts = {name: int(results[name].values[0]) if name in results else 0
                  for name in ("returned", "agreed", "disagreed", "failed", "dropped")}
        largest = max((one.values[0] for one in grown if one.series.name == "nbdeploy_shadow_difference_max"
                       and _is_about(one.series, self.record.version)), default=0.0)
        other = count_version(grown, self.record.version)
        if self.record.mode == "shadow":
            # Copies come in groups and wait for each other: their times are not those that callers would see.
            other = dataclasses.replace(other, latency={})
        return Figures(self._now - self._begun, count_version(grown, self._live), other,
                       largest=max(largest, self._figures.largest), **counts)


def _is_about(series: Series, version: str) -> bool:
    return dict(series.labels).get("version") == version


def count_version(grown: list[Reading], version: str) -> VersionFigures:
    """Add up what one version answered."""
    requests = errors = refused = 0
    latency: dict[float, int] = {}
    for series, values in ((one.series, one.values) for one in grown if _is_about(one.series, version)):
        if series.name == "nbdeploy_requests_total":
            code, count = dict(series.labels)["code"], int(values[0])
            requests += count
            errors += count if code >= "500" else 0
            refused += count if code in _REFUSED else 0
        elif series.name == "nbdeploy_request_duration_seconds":
            for bound, number in zip((*series.bounds, _INFINITY), values[:-1], strict=True):
                if number:
                    latency[bound] = latency.get(bound, 0) + int(number)
    return VersionFigures(requests, errors, refused, latency)

