"""What is written down about one deployment: its rows in the registry, its metrics files, its logs."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import TargetError
from jupyter_deploy.metrics import ENDED, Sampler, Usage, fold_metrics
from jupyter_deploy.registry import (
    Connection,
    Event,
    Record,
    RolloutRecord,
    VersionRecord,
    add_event,
    add_sample,
    add_version,
    delete_deployment,
    delete_rollout,
    find_deployment,
    find_rollout,
    find_version,
    list_events,
    list_versions,
    roll_up,
    save_deployment,
    save_rollout,
)
from jupyter_deploy.runtime.conduct import known_grips
from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest
from jupyter_deploy.targets.local.gauges import FILE, Gauges
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.logs import rotate_logs
from jupyter_deploy.targets.local.scaling import Scale, find_most, read_scale
from jupyter_deploy.targets.local.spec import Spec


@dataclasses.dataclass(frozen=True)
class Release:
    """What is kept with a version that goes live for the first time."""

    proof: dict[str, Any] | None
    notebook: str | None


def required_variables(registry: Connection, name: str) -> set[str]:
    """Name the environment variables that any version of a deployment asks for (of bundles that are gone, none)."""
    required: set[str] = set()
    for version in list_versions(registry, name):
        with contextlib.suppress(BundleDamaged):
            required.update(read_manifest(Path(version.bundle)).environment)
    return required


class Ledger:
    """The books of the deployment called `name`; workers of a supervisor that was killed go on to count in `used`."""

    def __init__(self, name: str, data: Path, registry: Connection, used: Collection[Path] = ()) -> None:
        self.name = name
        self.metrics = data / "metrics" / name
        """The folder of its workers' metrics files."""
        self._logs = data / "logs" / name
        self._tables = data / "rollouts" / name
        self._registry = registry
        self._unwritten: deque[Event] = deque(maxlen=100)
        """Events for which there was no room."""
        self._trouble = ""
        self.metrics.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        for path in self.metrics.glob("*.metrics"):
            # Left by workers of a supervisor that ended uncleanly.
            if path.name not in (ENDED, FILE) and path not in used:
                fold_metrics(path)
        self.gauges = Gauges(self.metrics)
        self.begin_sampling(used)

    def log(self, version: str) -> Path:
        """Where the workers of a version write their log."""
        return self._logs / f"{version}.log"

    def find(self) -> Record | None:
        """Give the deployment's row, if it has ever been live."""
        return find_deployment(self._registry, self.name)

    def read(self) -> Record:
        """Give the deployment's row (`TargetError` when it has never been live)."""
        record = self.find()
        if record is None:
            raise TargetError(f"there is no deployment {self.name!r}", advice="`nbdeploy ls` lists them")
        return record

    def read_scale(self) -> Scale:
        """Give between which numbers of workers it moves: at first, one."""
        record = self.find()
        return Scale() if record is None else read_scale(record.scale, record.workers)

    def find_most(self, spec: Spec, release: Release | None) -> int:
        """Give how many workers a version may have, by what one of them was seen to use in its proof."""
        known = find_version(self._registry, self.name, spec.version)
        proof = release.proof if release else known.proof if known else None
        try:
            manifest = read_manifest(spec.bundle)
        except BundleDamaged:
            return spec.scale.first  # its workers say what is wrong with it
        kept = proof or {}
        return find_most(spec.scale, manifest, kept.get("usage", {}).get("peak"), kept.get("conduct", {}))

    def find_grips(self, version: str) -> dict[str, str]:
        """Give what entries of a version do with the interpreter, as far as it was measured when it was proven."""
        known = find_version(self._registry, self.name, version)
        return known_grips((known.proof or {}).get("conduct", {}) if known else {})

    def find_version(self, version: str) -> VersionRecord:
        """Give the row of a version, or of its number (`TargetError`, with those that there are)."""
        found = find_version(self._registry, self.name, version) or next(
            (one for one in list_versions(self._registry, self.name) if str(one.number) == version), None)
        if found is None:
            raise TargetError(f"{self.name} has no version {version}", advice=self._known_versions())
        return found

    def find_previous(self, version: str | None) -> str:
        """Choose where a rollback leads: to `version`, or else to the one that the present one replaced."""
        if version is not None:
            return self.find_version(version).version
        present = self.read().version
        previous = self.find_version(present).previous
        if previous is None:
            raise TargetError(f"{self.name} has no version before {present}",
                              advice=f"name one: nbdeploy rollback {self.name} --to V; {self._known_versions()}")
        return previous

    def _known_versions(self) -> str:
        versions = list_versions(self._registry, self.name)
        return f"its versions are: {', '.join(f'{item.version} ({item.number})' for item in versions)}"

    def required_variables(self) -> set[str]:
        """Name the environment variables that its versions ask for."""
        return required_variables(self._registry, self.name)

    def write_live(self, spec: Spec, listener: Listener, release: Release | None) -> None:
        """Write down that a version is live; a new one comes with its release."""
        known = self.find()
        record = Record(
            self.name, "local", listener.host, listener.port, spec.scale.first, spec.version,
            limits=dataclasses.asdict(spec.limits), api_key_digest=spec.api_key_digest, scale=spec.scale.dump(),
        )
        save_deployment(self._registry, record)
        if release is not None:
            add_version(self._registry, VersionRecord(
                self.name, spec.version, str(spec.bundle), spec.environment, release.proof, release.notebook,
                previous=known.version if known else None,
            ))

    def write_stopped(self) -> None:
        """Write down that the deployment should not be live."""
        save_deployment(self._registry, dataclasses.replace(self.read(), wanted="stopped"))

    def report(self, kind: str, text: str) -> None:
        """Keep an event, if the deployment exists: a first candidate that is discarded leaves nothing."""
        self.gauges.count(kind)
        self._unwritten.append(Event(self.name, time.time(), kind, text))
        self._write_events()

    def report_change(self, kind: str, text: str) -> None:
        """Keep an event, unless the last one of its kind said the same."""
        said = None
        with self._if_possible():
            events = reversed(list_events(self._registry, self.name))
            said = next((event.text for event in events if event.kind == kind), None)
        if text != said:
            self.report(kind, text)

    def _write_events(self) -> None:
        """Write the events that are not written yet; where that is not possible, they wait for another time."""
        with self._if_possible():
            known = self.find() is not None
            while self._unwritten:
                if known:
                    add_event(self._registry, self._unwritten[0])
                self._unwritten.popleft()

    @contextlib.contextmanager
    def _if_possible(self) -> Iterator[None]:
        """Go on when something cannot be written: what is served does not depend on what is written about it."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                with contextlib.suppress(OSError):
                    sys.stderr.write(f"what happens to {self.name} cannot be recorded: {error}\n")

    def find_rollout(self) -> RolloutRecord | None:
        """Give what is recorded to be beside the live version."""
        return find_rollout(self._registry, self.name)

    def write_rollout(self, record: RolloutRecord | None) -> None:
        """Write down what is beside the live version, or that nothing is."""
        if record is not None:
            save_rollout(self._registry, record)
        else:
            delete_rollout(self._registry, self.name)

    def table(self, name: str) -> Path:
        """Where a worker keeps what its answers differ in; only this user can read it."""
        self._tables.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._tables / f"{name}.jsonl"

    def clear_tables(self) -> None:
        """Remove what earlier versions' answers differed in."""
        shutil.rmtree(self._tables, ignore_errors=True)

    def begin_sampling(self, used: Iterable[Path]) -> None:
        """Begin the next sample now, with nothing counted; `used` are files that have been counted in before."""
        self._sampler = Sampler(time.time(), time.monotonic())
        self._sampler.skip([self.metrics / ENDED, *used])

    def skip(self, metrics: Iterable[Path]) -> None:
        """Leave out of the next sample what new workers counted before callers came to them."""
        self._sampler.skip(metrics)

    def take_sample(self, metrics: Iterable[Path], workers: int, usage: Usage | None = None) -> None:
        """Keep what happened since the last sample, if anything did; `usage` is what the workers use of GPUs."""
        with self._if_possible():
            sample = self._sampler.take([*metrics, self.metrics / ENDED], workers, time.time(), usage, time.monotonic())
            if sample is not None and self.find() is not None:
                add_sample(self._registry, self.name, sample)

    def tidy(self) -> None:
        """Keep samples and logs bounded; to be called once a minute."""
        self._write_events()
        with self._if_possible():
            rotate_logs(self._logs)
            roll_up(self._registry, self.name, time.time())

    def clear(self) -> None:
        """Forget the deployment, with its logs and metrics."""
        delete_deployment(self._registry, self.name)
        shutil.rmtree(self.metrics, ignore_errors=True)
        shutil.rmtree(self._logs, ignore_errors=True)
        self.clear_tables()
